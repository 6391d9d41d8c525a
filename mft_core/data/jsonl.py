"""JSONL files line by line: UTF-8 whatever the locale, compressed or not, with line numbers as editors show them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mft_core.data.compression import blocks
from mft_core.data.file_formats import BYTE_ORDER_MARK


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every line of a JSONL file that is not blank, with its number (from 1), without its line end.

    Raises:
        MftError: the file cannot be read.
    """
    number, begun = 0, bytearray()  # appending to bytes would copy a long line again for every block
    for block in blocks(path):
        first, *lines = block.split(b"\n")
        begun += first
        for line in lines:
            number += 1
            if stripped := _without_mark(bytes(begun), number).strip():
                yield number, stripped
            begun = bytearray(line)
    if stripped := _without_mark(bytes(begun), number + 1).strip():
        yield number + 1, stripped


def _without_mark(line: bytes, number: int) -> bytes:
    return line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
