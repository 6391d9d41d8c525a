"""Columns of values, as the Hub and the datasets library store data sets: Parquet and Arrow."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mft_core.data.compression import compression
from mft_core.data.reader import row_of_group
from mft_core.errors import MftError
from mft_core.interfaces import RawRecord, Reader
from mft_readers.class_names import class_namer
from mft_readers.short_floats import shortener

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_A_TIME = 1024
BYTES_AT_A_TIME = 1 << 24
BUFFER = 1 << 20
INSTALL = "Install it: pip install 'mft[parquet]'"
STREAM_BEGINS = b"\xff\xff\xff\xff"


class Parquet(Reader):
    """A Parquet file, read a thousand rows at a time; places are row group and row, both from 0.

    Columns of lists and structs become JSON arrays and objects; null and NaN, which is no number, are null. Classes of
    the datasets library are their names.
    """

    suffixes: ClassVar = (".parquet", ".pq")

    def place_form(self, path: Path) -> str:
        """Row group and row."""
        return ":{group}/{row}"

    def records(self, path: Path) -> Iterator[RawRecord]:
        """Every row as an object."""
        with _reading(path, "a Parquet file"):
            import pyarrow.parquet

            with pyarrow.parquet.ParquetFile(path, buffer_size=BUFFER) as file:
                _check_names(path, file.schema_arrow)
                for group in range(file.metadata.num_row_groups):
                    about = file.metadata.row_group(group)
                    batches = file.iter_batches(_rows_at_a_time(about.total_byte_size, about.num_rows), [group])
                    row = 0
                    for batch in batches:
                        yield from _records(batch, group, row)
                        row += batch.num_rows


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
                rows = _rows_at_a_time(batch.nbytes, batch.num_rows)
                for start in range(0, batch.num_rows, rows):
                    yield from _records(batch.slice(start, rows), group, start)


def _batches(path: Path) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow

    with pyarrow.memory_map(str(path)) as source:
        if source.read(len(STREAM_BEGINS)) == STREAM_BEGINS:
            source.seek(0)
            stream = pyarrow.ipc.open_stream(source)
            _check_names(path, stream.schema)
            yield from stream
            return
        file = pyarrow.ipc.open_file(source)
        _check_names(path, file.schema)
        for number in range(file.num_record_batches):
            yield file.get_batch(number)


def _check_names(path: Path, schema: pyarrow.Schema) -> None:
    """Refuse columns of one name, of which a record could hold the last one alone."""
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice:
        raise MftError(f"{path}: two columns are called {twice[0]!r}.", "Every column needs a name of its own.")


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Errors of the library as ours."""
    try:
        import pyarrow
    except ImportError as error:
        raise MftError(f"{path} is {what}, which needs a package to be read.", INSTALL) from error
    if compression(path):
        raise MftError(f"{path} is {what} that is compressed as a whole.", "Decompress it; its columns are compressed.")
    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        message = " ".join(str(error).split())[:300]
        raise MftError(
            f"{path} cannot be read as {what}: {message}",
            "Is it there, complete, and what its name says?",
        ) from error


def _rows_at_a_time(size: int, rows: int) -> int:
    """So many that they are not much to hold, where so many rows have that size in bytes."""
    return max(1, min(ROWS_AT_A_TIME, BYTES_AT_A_TIME * rows // max(size, 1)))


def _records(batch: pyarrow.RecordBatch, group: int, first: int) -> Iterator[RawRecord]:
    """The rows of a batch; one with a value that Python cannot have, such as a year 20,000, is at fault."""
    import pyarrow

    shorten, name = shortener(pyarrow.struct(batch.schema)), class_namer(batch.schema)
    try:
        values = batch.to_pylist()
    except (ValueError, OverflowError):
        values = [None] * batch.num_rows
    for number, value in enumerate(values):
        place = row_of_group(group, first + number)
        try:
            row = value or batch.slice(number, 1).to_pylist()[0]
            row = shorten(row) if shorten else row
            yield RawRecord(place, _json(name(row) if name else row))
        except (ValueError, TypeError, OverflowError) as error:
            yield RawRecord(place, b"", ("unreadable value", " ".join(str(error).split())))


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(_plain(row), ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    """A value of Arrow's as JSON has them."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return None if math.isnan(value) else value  # an infinite one is no JSON
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
    raise TypeError(f"a value of the type {type(value).__name__}, which is no JSON")
