"""Columns of values, as the Hub and the datasets library store data sets: Parquet and Arrow."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mft_core.data.reader import row_of_group
from mft_core.errors import MftError
from mft_core.interfaces import RawRecord, Reader

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_A_TIME = 1024
INSTALL = "Install it: pip install 'mft[parquet]'"
STREAM_BEGINS = b"\xff\xff\xff\xff"


class Parquet(Reader):
    """A Parquet file, read a thousand rows at a time; places are row group and row, both from 0.

    Columns of lists and structs become JSON arrays and objects, null stays null, and so does a number that is none.
    """

    suffixes: ClassVar = (".parquet", ".pq")

    def place_form(self, path: Path) -> str:
        """Row group and row."""
        return ":{group}/{row}"

    def records(self, path: Path) -> Iterator[RawRecord]:
        """Every row as an object."""
        with _reading(path, "a Parquet file"):
            import pyarrow.parquet

            with pyarrow.parquet.ParquetFile(path) as file:
                for group in range(file.metadata.num_row_groups):
                    row = 0
                    for batch in file.iter_batches(ROWS_AT_A_TIME, row_groups=[group]):
                        for value in batch.to_pylist():
                            yield RawRecord(row_of_group(group, row), _json(value))
                            row += 1


class Arrow(Reader):
    """An Arrow file or stream, also what `datasets.save_to_disk` writes; places are record batch and row, from 0."""

    suffixes: ClassVar = (".arrow", ".feather")

    def place_form(self, path: Path) -> str:
        """Record batch and row."""
        return ":{group}/{row}"

    def records(self, path: Path) -> Iterator[RawRecord]:
        """Every row as an object."""
        with _reading(path, "an Arrow file"):
            for group, batch in enumerate(_batches(path)):
                for start in range(0, batch.num_rows, ROWS_AT_A_TIME):
                    for row, value in enumerate(batch.slice(start, ROWS_AT_A_TIME).to_pylist(), start):
                        yield RawRecord(row_of_group(group, row), _json(value))


def _batches(path: Path) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow

    with pyarrow.memory_map(str(path)) as source:
        if source.read(len(STREAM_BEGINS)) == STREAM_BEGINS:
            source.seek(0)
            yield from pyarrow.ipc.open_stream(source)
            return
        file = pyarrow.ipc.open_file(source)
        for number in range(file.num_record_batches):
            yield file.get_batch(number)


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Errors of the library as ours."""
    try:
        import pyarrow
    except ImportError as error:
        raise MftError(f"{path} is {what}, which needs a package to be read.", INSTALL) from error
    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        message = " ".join(str(error).split())[:300]
        raise MftError(
            f"{path} cannot be read as {what}: {message}",
            "Is it there, complete, and what its name says?",
        ) from error


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(_plain(row), ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    """A value of Arrow's as JSON has them."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case bytes():
            return {"base64": base64.b64encode(value).decode()}
        case datetime.date() | datetime.time():
            return value.isoformat()
        case decimal.Decimal() | uuid.UUID() | datetime.timedelta():
            return str(value)
    raise MftError(f"a column holds {type(value).__name__} values, which are no JSON.", "Leave the column out.")
