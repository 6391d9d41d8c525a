"""Lines as readers give them, and the records that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mft_core.data.columns import Shaped
from mft_core.data.line_parsing import parse_line
from mft_core.data.reader import place_in_words
from mft_core.data.record_forms import parse_shaped, shape
from mft_core.data.usual_records import usual_record
from mft_core.errors import RecordError
from mft_core.records import Record
from mft_core.support.reading import AS_IT_IS, RecordForm


class Line(NamedTuple):
    """A record as it was read: the number of its file among the task's files, and what `RawRecord` has."""

    file: int
    place: int
    raw: bytes
    fault: tuple[str, str] | None = None


class Parsed(NamedTuple):
    """A line's JSON value under the keys of a known form, and the record that it is."""

    shaped: Shaped
    record: Record


def parsed_line(line: Line, origins: Sequence[str], form: RecordForm) -> Parsed | RecordError:
    """What a line holds, or why it is no record."""
    try:
        if line.fault is not None:
            raise RecordError(*line.fault)
        value, origin = parse_line(line.raw), place_in_words(origins[line.file], line.place)
        if form == AS_IT_IS and (record := usual_record(value, origin)) is not None:
            return Parsed(Shaped(value), record)
        shaped = shape(value, form)
        return Parsed(shaped, parse_shaped(shaped, origin, form))
    except RecordError as error:
        return error
