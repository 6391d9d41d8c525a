"""The processes of one sandbox, seen from outside: how many, how much memory, and their end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

KIBIBYTE = 1024
STATUS_BYTES = 16384
PATIENCE_SECONDS = 20.0
IDENTITY = re.compile(rb"\nState:\t(?P<state>.)(?s:.*?)\nPPid:\t(?P<parent>\d+)(?s:.*?)\nUid:\t(?P<user>\d+)")
THREADS = re.compile(rb"\nThreads:\t(\d+)")
MEMORY = re.compile(rb"\nRss(?:Anon|Shmem):\s+(\d+)")


@dataclass(frozen=True)
class Process:
    """A line of /proc: memory is what belongs to the process alone, in bytes; pages shared by fork count for each."""

    pid: int
    parent: int
    user: int
    memory: int
    dead: bool


class ProcessGroup(Protocol):
    """All processes that one untrusted program has become, as far as one look shows them."""

    def members(self) -> list[Process]: ...


@dataclass(frozen=True)
class UserGroup:
    """The processes of a user who owns nothing else; daemons and orphans are among them."""

    user: int

    def members(self) -> list[Process]:
        return [process for process in all_processes() if process.user == self.user and not process.dead]


@dataclass(frozen=True)
class DescendantGroup:
    """A process and its descendants. None can leave a PID namespace, and the end of its first process ends all.

    Attributes:
        root: the number of the process.
        itself: the process is one of the group; the launcher above an isolated program is none: it ends by itself.
    """

    root: int
    itself: bool = True

    def members(self) -> list[Process]:
        children: dict[int, list[Process]] = {}
        found = []
        for process in all_processes():
            children.setdefault(process.parent, []).append(process)
            if process.pid == self.root:
                found.append(process)
        for process in found:
            found.extend(children.get(process.pid, []))
        return [process for process in found[0 if self.itself else 1 :] if not process.dead]


def end(process: subprocess.Popen[bytes], group: ProcessGroup) -> bool:
    """Waits until the process has ended and nobody is left of its group, whose members are killed; False when somebody
    survives (a process stuck in the kernel)."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = 0.002
    running = process.poll() is None
    while running:
        for member in reversed(group.members()):
            _kill(member.pid)
        time.sleep(pause)
        pause = min(2 * pause, 0.1)
        running = process.poll() is None
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            return False
    return process.returncode >= 0 or not group.members()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def all_processes() -> Iterator[Process]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - ten times a second, hundreds of entries
        if name.isdigit():
            status = _status(f"/proc/{name}/status")
            if status:
                yield _parse(int(name), status)


def _status(path: str) -> bytes:
    """The content of such a file, "" when the process has ended."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return b""
    try:
        return os.read(descriptor, STATUS_BYTES)
    except ProcessLookupError:
        return b""
    finally:
        os.close(descriptor)


def _parse(pid: int, status: bytes) -> Process:
    """The user is the real one. A process that is ending has no memory lines."""
    fields = IDENTITY.search(status)
    threads = THREADS.search(status)
    if fields is None or threads is None:
        raise ValueError(f"/proc/{pid}/status has an unknown form: {status[:200]!r}")
    ended = fields["state"] in (b"Z", b"X")
    dead = ended and int(threads[1]) <= 1
    memory = max(map(_memory, _threads(pid)), default=0) if ended and not dead else _memory(status)
    return Process(pid, int(fields["parent"]), int(fields["user"]), memory, dead)


def _threads(pid: int) -> Iterator[bytes]:
    """The threads that go on after the first one has ended: they hold the process's memory."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            yield _status(f"/proc/{pid}/task/{thread}/status")
    except (FileNotFoundError, ProcessLookupError):
        return


def _memory(status: bytes) -> int:
    return sum(map(int, MEMORY.findall(status))) * KIBIBYTE
