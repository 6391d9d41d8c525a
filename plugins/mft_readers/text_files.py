"""Text files line by line, in any encoding, compressed or not."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mft_core.data.compression import blocks
from mft_core.data.file_formats import refuse_other_encoding
from mft_core.data.jsonl import LONGEST_LINE
from mft_core.errors import MftError, UsageError
from mft_core.interfaces import RawRecord

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ENCODING = "utf-8"
DECLARE = 'Or say what it is, as in reader = {name = "csv", encoding = "utf-16"}.'


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    """Lines with their ends, as the file has them; a byte order mark is left out.

    Of a line of more than `LONGEST_LINE` characters only the first come, one more than that.

    Raises:
        UsageError: there is no such encoding.
        MftError: the file cannot be read, or is not in that encoding.
    """
    try:
        b"".decode(encoding)
    except (LookupError, ValueError) as error:
        known = "Names are those of Python, such as utf-8, gb18030 or cp1252."
        raise UsageError(f"There is no encoding {encoding!r}.", known) from error
    number = 0
    try:
        with io.TextIOWrapper(io.BufferedReader(_Blocks(blocks(path)), 1 << 16), encoding, newline="") as stream:
            while line := stream.readline(LONGEST_LINE + 1):
                number += 1
                yield line.removeprefix("\ufeff") if number == 1 else line
                _skip_the_rest(line, stream)
    except UnicodeError as error:
        reason = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
        raise MftError(
            f"{path} is not {encoding}: {reason}, after line {number}.",
            'Say what it is, as in reader = {name = "csv", encoding = "gb18030"}, or convert it with iconv.',
        ) from error


def _skip_the_rest(line: str, stream: TextIO) -> None:
    """Read what follows of a line that was cut."""
    if len(line) > LONGEST_LINE:
        while not line.endswith(("\n", "\r")) and (line := stream.readline(1 << 20)):
            pass


def check_text(path: Path, block: bytes, whole: bool, encoding: str) -> None:
    """Refuse a file by its first bytes: Parquet, gzip and the like, or another encoding than `encoding`.

    Raises:
        MftError: it is not what its name says.
    """
    if encoding.lower() == ENCODING:
        try:
            refuse_other_encoding(path, block, whole)
        except MftError as error:
            hint = f"{error.hint} {DECLARE}" if "iconv" in error.hint else error.hint
            raise MftError(error.message, hint) from error


def text_record(place: int, value: Any, fault: tuple[str, str] | None = None) -> RawRecord:
    """A record of texts that stood in a file as they are, as JSON; one with NUL characters is at fault."""
    text = json.dumps(value, ensure_ascii=False)
    if nuls := text.count("\\u0000"):
        fault = "NUL bytes", f"{nuls:,} of them, as a crash or a full disk leaves where writing stopped"
    return RawRecord(place, text.encode("utf-8", "surrogatepass"), fault)


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a stream."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        super().__init__()
        self._parts = parts
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer with what comes next; 0 at the end."""
        self._rest = self._rest or memoryview(next(self._parts, b""))
        view = memoryview(buffer).cast("B")
        taken, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(taken)] = taken
        return len(taken)
