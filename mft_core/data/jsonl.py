"""JSONL files, read line by line: UTF-8 whatever the locale, plain or gzip, line numbers as an editor shows them."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mft_core.data.file_formats import BYTE_ORDER_MARK, other_format, refuse_other_format
from mft_core.errors import MftError

BLOCK = 1 << 20
LONGEST_LINE = 1 << 26
"""Bytes of a line that are read; a longer one is no record. What is held of a file is bounded so, compressed or not."""


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
        MftError: the file cannot be read, is another format (Parquet, CSV, one JSON array), or in another encoding.
    """
    hasher, size = hashlib.sha256(), 0
    for block in _blocks(path):
        if size == 0:
            refuse_other_format(path, block, whole=len(block) < BLOCK)
        hasher.update(block)
        size += len(block)
    return FileContent(hasher.hexdigest(), size)


def format_of(path: Path) -> tuple[str, str] | None:
    """What a file that may be no JSON Lines is, and how to make them of it, as `other_format` says; None: unknown."""
    try:
        block = next(_blocks(path), b"")
    except MftError:
        return None
    return other_format(path, block, whole=len(block) < BLOCK)


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every line of a JSONL file that is not blank, with its number (from 1), without its line end.

    Of a line of more than `LONGEST_LINE` bytes only the first come, one more than that.

    Raises:
        MftError: the file cannot be read.
    """
    number, begun = 0, bytearray()  # appending to bytes would copy a long line again for every block
    for block in _blocks(path):
        first, *lines = block.split(b"\n")
        begun += first[: LONGEST_LINE + 1 - len(begun)]
        for line in lines:
            number += 1
            if content := _content(begun, number):
                yield number, content
            begun = bytearray(line)
    if content := _content(begun, number + 1):
        yield number + 1, content


def _content(line: bytearray, number: int) -> bytes:
    if len(line) > LONGEST_LINE:
        return bytes(line)  # though it be white space so far: it is to be counted
    return bytes(line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line).strip()


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with _open(path) as stream:
            while block := stream.read(BLOCK):
                yield block
    except gzip.BadGzipFile as error:
        raise MftError(f"{path} is not compressed by gzip: {error}", "Name it without .gz, or compress it.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise MftError(f"{path} cannot be read: {error}", "Check that the file is there and complete.") from error


def _open(path: Path) -> gzip.GzipFile | IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")
