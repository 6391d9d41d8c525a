"""Parquet and Arrow files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.ipc
import pyarrow.parquet


def write_parquet(path: Path, columns: dict[str, Any], rows_per_group: int = 2) -> Path:
    """Columns, by their names, in row groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=rows_per_group)
    return path


def write_arrow(path: Path, batches: Sequence[Sequence[dict[str, Any]]], stream: bool = False) -> Path:
    """Batches of rows, as a file or as a stream."""
    made = [pyarrow.RecordBatch.from_pylist(list(rows)) for rows in batches]
    begin = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with begin(str(path), made[0].schema) as writer:
        for batch in made:
            writer.write_batch(batch)
    return path
