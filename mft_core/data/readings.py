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

from mft_core.data.encoding import Encoded, Line
from mft_core.data.encoding_pool import EncodingPool
from mft_core.data.field_scan import NO_TASK, numbered_records, value_of
from mft_core.data.reader import RawRecord
from mft_core.data.sides import Side, origins
from mft_core.errors import RecordError
from mft_core.support.durable import make_folder

CHUNK_BYTES = 1 << 17
MOST_WAITING = 16 << 20
"""Bytes of chunks that are not full yet, of all tasks together."""


def read_at_once(sides: Iterable[Side]) -> list[list[Side]]:
    """Sides that are read in one go: those of the same shared files whose records are encoded alike; others alone."""
    groups: dict[object, list[Side]] = {}
    for side in sides:
        groups.setdefault((side.shared, side.form, side.policy) if side.shared else side.folder, []).append(side)
    return list(groups.values())


def bytes_to_read(groups: Iterable[Sequence[Side]]) -> int:
    """Bytes of all files, where those of a group that share them are read once."""
    sizes = (
        {path: content.size for side in sides for path, content in zip(side.paths, side.contents, strict=True)}
        for sides in groups
    )
    return sum(sum(of_files.values()) for of_files in sizes)


def chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Lines in chunks that are worth a worker's while."""
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


class SharedReading:
    """One reading of shared files for some sides of them.

    Args:
        sides: of the same `SharedFiles` and form.
        folder: where the temporary file lies, about as large as the entries of the sides together.
    """

    def __init__(self, sides: Sequence[Side], folder: Path) -> None:
        (shared,) = {side.shared for side in sides if side.shared}
        self._shared = shared
        self._sides = sides
        self._folder = folder
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
        self, pool: EncodingPool, on_encoded: Callable[[Encoded], None]
    ) -> Iterator[tuple[Side, Iterator[Encoded]]]:
        """Each side with what its lines became, in their order; a side is used up before the next one is asked for.

        Args:
            pool: encodes the lines.
            on_encoded: told of every chunk, while the files are read, which is before the first side is given.

        Raises:
            MftError: as `EncodingPool.encode`, or a file has changed since it was looked through.
            OSError: the temporary file cannot be written.
        """
        owners: deque[int] = deque()
        kept: dict[int, list[int]] = defaultdict(list)
        forms = [self._readers[path].place_form(path) for path in self._paths]
        first = self._sides[0]
        make_folder(self._folder)
        with tempfile.TemporaryFile(dir=self._folder) as stream:
            for encoded in pool.encode(self._chunks(owners), origins(self._paths, forms), first.policy, first.form):
                owner = owners.popleft()
                on_encoded(encoded)
                kept[owner].append(stream.tell())
                pickle.dump(self._renumbered(encoded, self._sides[owner]), stream, pickle.HIGHEST_PROTOCOL)
            for number, side in enumerate(self._sides):
                yield side, _loaded(stream, kept[number])

    def _chunks(self, owners: deque[int]) -> Iterator[list[Line]]:
        """Chunks of lines; the number of the side that each belongs to is appended to `owners`."""
        waiting: dict[int, list[Line]] = defaultdict(list)
        sizes = Counter[int]()
        for side, line in self._lines():
            waiting[side].append(line)
            sizes[side] += len(line.raw)
            if sizes[side] >= CHUNK_BYTES or sizes.total() >= MOST_WAITING:
                full = max(sizes, key=lambda number: sizes[number])
                del sizes[full]
                owners.append(full)
                yield waiting.pop(full)
        for side, chunk in waiting.items():
            owners.append(side)
            yield chunk

    def _lines(self) -> Iterator[tuple[int, Line]]:
        """Every record, with the number of its side; its file is numbered among all files of this reading."""
        for number, path in enumerate(self._paths):
            owners = self._owners(path)
            for record, value in numbered_records(path, self._shared.parts[path], self._readers[path]):
                for side in owners[value]:
                    yield side, self._line(number, record) if value == NO_TASK else Line(number, *record)

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


def _loaded(stream: IO[bytes], places: Iterable[int]) -> Iterator[Encoded]:
    for place in places:
        stream.seek(place)
        encoded: Encoded = pickle.load(stream)  # written by this process just now
        yield encoded
