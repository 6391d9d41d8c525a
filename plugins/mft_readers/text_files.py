"""Text files line by line, in any encoding, compressed or not."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.data.compression import blocks
from mft_core.errors import MftError, UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ENCODING = "utf-8"


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    """Lines with their ends, as the file has them; a byte order mark is left out.

    Raises:
        UsageError: there is no such encoding.
        MftError: the file cannot be read, or is not in that encoding.
    """
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        known = "Names are those of Python, such as utf-8, gb18030 or cp1252."
        raise UsageError(f"There is no encoding {encoding!r}.", known) from error
    stream = io.BufferedReader(_Blocks(blocks(path)), 1 << 16)
    number = 0
    try:
        for line in io.TextIOWrapper(stream, "utf-8-sig" if name == ENCODING else name, newline=""):
            number += 1
            yield line
    except UnicodeDecodeError as error:
        raise MftError(
            f"{path} is not {encoding}: {error.reason}, after line {number}.",
            'Say what it is, as in reader = {name = "csv", encoding = "gb18030"}, or convert it with iconv.',
        ) from error


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a stream."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        super().__init__()
        self._parts = parts
        self._rest = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer with what comes next; 0 at the end."""
        self._rest = self._rest or next(self._parts, b"")
        view = memoryview(buffer).cast("B")
        taken, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(taken)] = taken
        return len(taken)
