"""JSON Lines: one record a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from mft_core.data.file_formats import refuse_other_format
from mft_core.data.jsonl import read_lines
from mft_core.interfaces import RawRecord, Reader


class JsonLines(Reader):
    """One JSON object a line, in UTF-8; a byte order mark and blank lines are fine. Places are lines, from 1."""

    suffixes: ClassVar = (".jsonl", ".ndjson")

    def records(self, path: Path) -> Iterator[RawRecord]:
        """Every line that is not blank."""
        for number, line in read_lines(path):
            yield RawRecord(number, line)

    def check_beginning(self, path: Path, block: bytes, whole: bool) -> None:
        """Refuse Parquet, CSV, one JSON array, another encoding, ..., with what to do about it."""
        refuse_other_format(path, block, whole)
