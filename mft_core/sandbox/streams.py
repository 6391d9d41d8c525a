"""The pipes between a sandbox and its supervisor: bounded, never blocking."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import ExitStack

# Descriptors are numbered from here, so that the numbers promised to the program are free in its process.
FIRST_INHERITED = 100
CHUNK = 65536


def raised(descriptor: int) -> int:
    """The same open file under a high number; the given number is closed."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_INHERITED)
    os.close(descriptor)
    return high


class Stream:
    """The reading end of a pipe whose writing end goes to the program; keeps at most `limit` bytes."""

    def __init__(self, stack: ExitStack, limit: int) -> None:
        self.reading, writing = map(raised, os.pipe())
        os.set_blocking(self.reading, False)
        self.writing: int | None = writing
        self.limit = limit
        self.content = bytearray()
        self.overflowed = False
        stack.callback(os.close, self.reading)
        stack.callback(self.close_writing)

    def close_writing(self) -> None:
        if self.writing is not None:
            os.close(self.writing)
            self.writing = None

    def read(self) -> bool:
        """Takes what is there; False at the end of the stream."""
        try:
            chunk = os.read(self.reading, CHUNK)
        except BlockingIOError:
            return True
        room = self.limit - len(self.content)
        self.content += chunk[:room]
        self.overflowed |= len(chunk) > room
        return bool(chunk)

    def drain(self) -> None:
        """Takes what the ended program has left in the pipe."""
        before = -1
        while before < len(self.content) and not self.overflowed:
            before = len(self.content)
            self.read()


def input_descriptor(stack: ExitStack, content: bytes) -> int:
    """A file without a name that holds the content, open for reading only."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        descriptor = raised(os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY | os.O_CLOEXEC))
    stack.callback(os.close, descriptor)
    return descriptor


def secret_descriptor(stack: ExitStack, content: bytes) -> int:
    """The reading end of a pipe that holds the content (at most a pipe's 64 KiB): it can be read once."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    if os.write(writing, content) != len(content):
        raise ValueError("a private input must fit a pipe")
    os.close(writing)
    descriptor = raised(reading)
    stack.callback(os.close, descriptor)
    return descriptor
