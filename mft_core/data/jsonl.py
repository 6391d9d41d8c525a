"""JSONL files, read line by line: UTF-8 whatever the locale, plain or gzip, line numbers as an editor shows them."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mft_core.errors import MftError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a file holds.

    Attributes:
        digest: SHA-256 of the (uncompressed) bytes.
        size: number of (uncompressed) bytes.
    """

    digest: str
    size: int


def inspect_file(path: Path) -> FileContent:
    """Digest and size of a JSONL file; refuses what is not JSON Lines in UTF-8.

    Raises:
        MftError: the file cannot be read, is UTF-16, is in another encoding, or is one JSON array.
    """
    hasher, size = hashlib.sha256(), 0
    for block in _blocks(path):
        if size == 0:
            _check_start(path, block)
        hasher.update(block)
        size += len(block)
    return FileContent(hasher.hexdigest(), size)


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every line of a JSONL file that is not blank, with its number (from 1), without its line end.

    Raises:
        MftError: the file cannot be read.
    """
    number, rest = 0, b""
    for block in _blocks(path):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            number += 1
            if stripped := _without_mark(line, number).strip():
                yield number, stripped
    if stripped := _without_mark(rest, number + 1).strip():
        yield number + 1, stripped


def _without_mark(line: bytes, number: int) -> bytes:
    return line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with _open(path) as stream:
            while block := stream.read(BLOCK):
                yield block
    except (OSError, EOFError, zlib.error) as error:
        raise MftError(f"{path} cannot be read: {error}", "Check that the file is there and complete.") from error


def _open(path: Path) -> gzip.GzipFile | IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _check_start(path: Path, block: bytes) -> None:
    if block.startswith(UTF16_MARKS) or b"\x00" in block[:1024]:
        raise MftError(f"{path} is not UTF-8: it looks like UTF-16.", _conversion(path, "UTF-16"))
    lines = [line for line in block.split(b"\n")[: None if len(block) < BLOCK else -1] if not line.isascii()]
    if lines and all(_decodes(line, "gb18030") and not _decodes(line, "utf-8") for line in lines):
        raise MftError(f"{path} is not UTF-8: it may be GBK or Latin-1.", _conversion(path, "GBK"))
    if block.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] == b"[":
        hint = "Write one object a line: jq -c '.[]' FILE > FILE.jsonl"
        raise MftError(f"{path} is one JSON array, not JSON Lines.", hint)


def _conversion(path: Path, encoding: str) -> str:
    return f"Convert it: iconv -f {encoding} -t UTF-8 {path.name} > NEW_FILE"


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
