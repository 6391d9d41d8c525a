"""The records of many sides cut into pieces of work, so that all of them are shared among processes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from mft_core.data.length_guard import LengthPolicy
from mft_core.data.line_records import Line
from mft_core.data.sides import Side, lines
from mft_core.data.tokenization import BoundTokenization
from mft_core.support.reading import RecordForm

CHUNK_BYTES = 1 << 17


class Job(NamedTuple):
    """Some lines to encode, of one side.

    Attributes:
        lines: what to encode; none where the side has none.
        origins: as `encode_lines` has it.
        form: of the records.
        policy: for long samples.
        bound: what encodes them; None: only digests are taken.
        last: no more lines of this side follow.
    """

    lines: Sequence[Line]
    origins: Sequence[str]
    form: RecordForm
    policy: LengthPolicy
    bound: BoundTokenization | None
    last: bool


def jobs_of(sides: Iterable[Side], bound_of: Callable[[Side], BoundTokenization]) -> Iterator[Job]:
    """All lines of all sides, in order; at least one job for each side.

    Args:
        sides: any.
        bound_of: what encodes a side.

    Raises:
        MftError: a file cannot be read.
    """
    for side in sides:
        work = (side.origins, side.form, side.policy, None if side.only_digests else bound_of(side))
        before: list[Line] = []
        for number, chunk in enumerate(_chunks(lines(side))):
            if number:
                yield Job(before, *work, last=False)
            before = chunk
        yield Job(before, *work, last=True)


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
