"""JSONL files line by line: UTF-8 whatever the locale, compressed or not, with line numbers as editors show them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mft_core.data.compression import blocks
from mft_core.data.file_formats import BYTE_ORDER_MARK

LONGEST_LINE = 1 << 26
"""Bytes of a line that are read; a longer one is no record. What is held of a file is bounded so, compressed or not."""


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every line of a JSONL file that is not blank, with its number (from 1), without its line end.

    Of a line of more than `LONGEST_LINE` bytes only the first come, one more than that.

    Raises:
        MftError: the file cannot be read.
    """
    number, begun = 0, bytearray()  # appending to bytes would copy a long line again for every block
    for block in blocks(path):
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
