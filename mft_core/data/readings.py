"""Files that many tasks share, read once for all of these; what each of them gets of it is kept aside until the end.

Chunks are of one task each, so that their counts are its own. They are encoded in the order in which they are full, and
written to a temporary file: entries of a thousand tasks are then made one after the other, not all at once.
"""

from __future__ import annotations

import pickle
import tempfile
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from mft_core.data.encoding import Encoded
from mft_core.data.encoding_pool import EncodingPool
from mft_core.data.field_scan import NO_TASK, numbered_records, value_of
from mft_core.data.jobs import CHUNK_BYTES, Job
from mft_core.data.line_records import Line
from mft_core.data.reader import RawRecord
from mft_core.data.sides import Side, origins
from mft_core.data.tokenization import BoundTokenization
from mft_core.errors import RecordError
from mft_core.support.durable import make_folder
from mft_core.support.shared_files import SharedFiles

MOST_WAITING = 16 << 20
"""Bytes of chunks that are not full yet, of all tasks together."""


Progress = Callable[[str, int, int], None]
"""Called with a task's name, the bytes of it that are read and the bytes there are."""


def read_at_once(sides: Iterable[Side]) -> list[list[Side]]:
    """Sides of shared files, those of the same files together."""
    groups: dict[SharedFiles | None, list[Side]] = {}
    for side in sides:
        groups.setdefault(side.shared, []).append(side)
    return list(groups.values())


def bytes_to_read(sides: Iterable[Side]) -> int:
    """Bytes of the files of all sides, those that several share once."""
    sides = list(sides)
    shared = {
        path: content.size
        for side in sides
        if side.shared is not None
        for path, content in zip(side.paths, side.contents, strict=True)
    }
    return sum(side.size for side in sides if side.shared is None) + sum(shared.values())


class SharedReading:
    """One reading of shared files for some sides of them.

    Args:
        sides: of the same `SharedFiles`.
        bound_of: what encodes a side.

    Attributes:
        folder: where the temporary file lies, about as large as the entries of the sides together.
    """

    def __init__(self, sides: Sequence[Side], bound_of: Callable[[Side], BoundTokenization]) -> None:
        (shared,) = {side.shared for side in sides if side.shared}
        self._shared = shared
        self._sides = sides
        self._bound_of = bound_of
        self.folder = sides[0].folder.parent
        self._readers = {path: reader for side in sides for path, reader in zip(side.paths, side.readers, strict=True)}
        self._paths = [path for path in shared.parts if path in self._readers]

    @property
    def title(self) -> str:
        """What is being read, for progress."""
        names = len({side.task for side in self._sides} - {""})
        return f"{names} task{'s' * (names != 1)} by {self._shared.field}"

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(self._shared.parts[path].size for path in self._paths)

    def encode(
        self, pool: EncodingPool, on_progress: Progress | None
    ) -> Iterator[tuple[Side, Iterator[tuple[Job, Encoded]]]]:
        """Each side with what its lines became, in their order; a side is used up before the next one is asked for.

        Args:
            pool: encodes the lines.
            on_progress: told how far it is while the files are read, which is before the first side is given.

        Raises:
            MftError: as `EncodingPool.encode`, or a file has changed since it was looked through.
            OSError: the temporary file cannot be written.
        """
        owners: deque[int] = deque()
        kept: dict[int, list[int]] = defaultdict(list)
        done = 0
        make_folder(self.folder)
        with tempfile.TemporaryFile(dir=self.folder) as stream:
            for _, encoded in pool.encode(self._jobs(owners)):
                owner = owners.popleft()
                done = min(done + encoded.size, self.size)  # a record of a table is longer than its row
                if on_progress is not None:
                    on_progress(self.title, done, self.size)
                kept[owner].append(stream.tell())
                pickle.dump(self._renumbered(encoded, self._sides[owner]), stream, pickle.HIGHEST_PROTOCOL)
            for number, side in enumerate(self._sides):
                yield side, _loaded(stream, kept[number], self._job(side, [], []))

    def _job(self, side: Side, lines: Sequence[Line], origins: Sequence[str]) -> Job:
        bound = None if side.only_digests else self._bound_of(side)
        return Job(lines, origins, side.form, side.policy, bound, last=False)

    def _jobs(self, owners: deque[int]) -> Iterator[Job]:
        """The lines in jobs of one side each, whose number is appended to `owners`."""
        of_files = origins(self._paths, [self._readers[path].place_form(path) for path in self._paths])
        for owner, lines in self._chunks():
            owners.append(owner)
            yield self._job(self._sides[owner], lines, of_files)

    def _chunks(self) -> Iterator[tuple[int, list[Line]]]:
        waiting: dict[int, list[Line]] = defaultdict(list)
        sizes = Counter[int]()
        for side, line in self._lines():
            waiting[side].append(line)
            sizes[side] += len(line.raw)
            if sizes[side] >= CHUNK_BYTES or sizes.total() >= MOST_WAITING:
                full = max(sizes, key=lambda number: sizes[number])
                del sizes[full]
                yield full, waiting.pop(full)
        yield from waiting.items()

    def _lines(self) -> Iterator[tuple[int, Line]]:
        """Every record, with the number of its side; its file is numbered among all files of this reading."""
        for number, path in enumerate(self._paths):
            owners = self._owners(path)
            for record, value in numbered_records(path, self._shared.parts[path], self._readers[path]):
                for side in owners[value]:
                    if self._leaves_out(side, path, record.place):
                        continue
                    yield side, self._line(number, record) if value == NO_TASK else Line(number, *record)

    def _leaves_out(self, number: int, path: Path, place: int) -> bool:
        """Whether a record is none of the part that is wanted of a side."""
        side = self._sides[number]
        return side.part is not None and (side.paths.index(path), place) not in side.part.records

    def _owners(self, path: Path) -> list[list[int]]:
        """Of each value in a file, and last of none, the numbers of the sides that its records are for."""
        of_task: dict[str, list[int]] = defaultdict(list)
        for number, side in enumerate(self._sides):
            if path in side.paths:
                of_task[side.task].append(number)
        return [of_task.get(name, []) for name in (*self._shared.parts[path].names, "")]

    def _line(self, number: int, record: RawRecord) -> Line:
        """A record of no task, with what is wrong with it."""
        try:
            value_of(record, self._shared.field)
        except RecordError as error:
            return Line(number, record.place, record.text, (error.reason, error.detail))
        return Line(number, *record)

    def _renumbered(self, encoded: Encoded, side: Side) -> Encoded:
        """With each file's number among the side's own files."""
        own = {self._paths.index(path): number for number, path in enumerate(side.paths)}
        files = np.array([own.get(number, 0) for number in range(len(self._paths))], np.int64)
        columns = {**encoded.columns, "files": files[encoded.columns["files"]]}
        refused = [{**line, "file": own[line["file"]]} for line in encoded.refused]
        return replace(encoded, columns=columns, refused=refused)


def _loaded(stream: IO[bytes], places: Iterable[int], job: Job) -> Iterator[tuple[Job, Encoded]]:
    for place in places:
        stream.seek(place)
        encoded: Encoded = pickle.load(stream)  # written by this process just now
        yield job, encoded
