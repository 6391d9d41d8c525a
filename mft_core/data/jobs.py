"""The records of many sides cut into pieces of work, so that all of them are shared among processes at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mft_core.data.encoding import Line
from mft_core.data.sides import Side, lines
from mft_core.support.reading import RecordForm

CHUNK_BYTES = 1 << 17


class Job(NamedTuple):
    """Some lines to encode, of one side.

    Attributes:
        lines: what to encode; none where the side has none.
        origins: as `encode_lines` has it.
        form: of the records.
        last: no more lines of this side follow.
    """

    lines: Sequence[Line]
    origins: Sequence[str]
    form: RecordForm
    last: bool


def jobs_of(sides: Iterable[Side]) -> Iterator[Job]:
    """All lines of all sides, in order; at least one job for each side.

    Raises:
        MftError: a file cannot be read.
    """
    for side in sides:
        origins = side.origins
        before: list[Line] = []
        for number, chunk in enumerate(_chunks(lines(side))):
            if number:
                yield Job(before, origins, side.form, last=False)
            before = chunk
        yield Job(before, origins, side.form, last=True)


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.raw)
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
