"""All records of all tasks looked through: exact and near duplicates, and problems of published sets among them.

A million records take a few hundred bytes each: a digest, a signature, and where they stand.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mft_core.audit.leakage import Hit, Problem, ProblemIndex
from mft_core.audit.shingles import code_shingles, text_shingles
from mft_core.audit.similar import Signatures
from mft_core.data.line_parsing import parse_line
from mft_core.data.reader import place_in_words
from mft_core.data.readers import Readers
from mft_core.data.record_forms import parse_record
from mft_core.errors import RecordError
from mft_core.records import Record, TaskFiles
from mft_core.support.threads import allowed_processors

CHUNK = 512
PARALLEL_RECORDS = 20_000
"""Below this many, starting processes takes longer than it saves."""
TRAIN, VALID = "train", "valid"


class Place(NamedTuple):
    """Where a record stands: its task, the side of it, its file, and the place there, as a number and in words."""

    task: str
    side: str
    file: Path
    place: int
    origin: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that say the same, or nearly: `first` is the earlier one.

    Attributes:
        share: of the sequences of words that they have in common; 1 where they are equal but for white space and case.
    """

    first: Place
    second: Place
    share: float


@dataclass(frozen=True, slots=True)
class Leak:
    """A record that has a problem of a published set in it."""

    place: Place
    hit: Hit


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        records: looked at, by task and side; those that cannot be read are quarantined by a run, and left out here.
        pairs: duplicates, exact and near.
        leaks: by record.
    """

    records: Counter[tuple[str, str]] = field(default_factory=Counter)
    pairs: list[Pair] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Least shares of sequences in common: of two records that are nearly the same, and of a problem in a record."""

    near: float = 0.7
    leak: float = 0.5


class _Seen(NamedTuple):
    """What is kept of a record: None of one that cannot be read."""

    digest: int
    shingles: np.ndarray
    hits: list[Hit]


def audit(
    tasks: Sequence[TaskFiles],
    readers: Readers,
    problems: Sequence[Problem] = (),
    thresholds: Thresholds = Thresholds(),
    processes: int | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Audit:
    """Look through all records of all tasks.

    Args:
        tasks: with their files.
        readers: of these files.
        problems: of published sets.
        thresholds: what counts as found.
        processes: None: one per core where that pays.
        on_progress: told how many records have been looked at.

    Raises:
        MftError: a file cannot be read, or what finds near duplicates is not installed.
    """
    found, places, digests, signatures = Audit(), [], [], Signatures()
    for places_of_chunk, seen in _looked_through(tasks, readers, problems, thresholds, processes):
        kept = [(place, one) for place, one in zip(places_of_chunk, seen, strict=True) if one is not None]
        signatures.add([one.shingles for _, one in kept])
        for place, one in kept:
            found.records[place.task, place.side] += 1
            found.leaks.extend(Leak(place, hit) for hit in one.hits)
            places.append(place)
            digests.append(one.digest)
        if on_progress is not None:
            on_progress(len(places))
    exact = dict(_equal(np.array(digests, np.uint64)))
    found.pairs.extend(Pair(places[first], places[later], 1.0) for later, first in exact.items())
    near = (pair for pair in signatures.pairs(thresholds.near) if pair[1] not in exact)
    found.pairs.extend(Pair(places[first], places[later], share) for first, later, share in near)
    return found


def record_text(record: Record) -> str:
    """What a record says, without its system turn, which many have in common."""
    turns = (turn.content for turn in record.turns if turn.role not in ("system", "tools"))
    return record.text if record.text is not None else "\n".join(turns)


def _equal(digests: np.ndarray) -> Iterator[tuple[int, int]]:
    """(a text, the first that is equal to it) of all that are not the first."""
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    for later in np.flatnonzero(first[inverse] != np.arange(len(digests))):
        yield int(later), int(first[inverse[later]])


def _looked_through(
    tasks: Sequence[TaskFiles],
    readers: Readers,
    problems: Sequence[Problem],
    thresholds: Thresholds,
    processes: int | None,
) -> Iterator[tuple[list[Place], list[_Seen | None]]]:
    """Chunk by chunk, in the order of the tasks and files, in this process or in several."""
    index = ProblemIndex(problems, thresholds.leak)
    records = _records(tasks, readers)
    beginning = list(islice(records, PARALLEL_RECORDS))
    wanted = processes if processes is not None else allowed_processors() if len(beginning) == PARALLEL_RECORDS else 1
    chunks = _chunks(beginning, records)
    if wanted <= 1:
        for chunk in chunks:
            yield [place for place, _ in chunk], _look([text for _, text in chunk], index)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(wanted, context, _Worker.start, (index,)) as pool:
        waiting = []
        for chunk in chunks:
            waiting.append(([place for place, _ in chunk], pool.submit(_Worker.look, [text for _, text in chunk])))
            if len(waiting) > 2 * wanted:
                places, result = waiting.pop(0)
                yield places, result.result()
        for places, result in waiting:
            yield places, result.result()


class _Worker:
    """What a process keeps from chunk to chunk."""

    index: ProblemIndex

    @classmethod
    def start(cls, index: ProblemIndex) -> None:
        cls.index = index

    @classmethod
    def look(cls, texts: list[bytes]) -> list[_Seen | None]:
        return _look(texts, cls.index)


def _records(tasks: Iterable[TaskFiles], readers: Readers) -> Iterator[tuple[Place, bytes]]:
    for task in tasks:
        for side, paths in ((TRAIN, task.train), (VALID, task.valid)):
            for path in paths:
                reader = readers.reader_of(path, task.reader)
                form = reader.place_form(path)
                for record in reader.records(path):
                    origin = f"{path}{place_in_words(form, record.place)}"
                    yield Place(task.name, side, path, record.place, origin), b"" if record.fault else record.text


def _chunks(
    beginning: list[tuple[Place, bytes]], rest: Iterator[tuple[Place, bytes]]
) -> Iterator[list[tuple[Place, bytes]]]:
    for start in range(0, len(beginning), CHUNK):
        yield beginning[start : start + CHUNK]
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _look(texts: Sequence[bytes], index: ProblemIndex) -> list[_Seen | None]:
    return [_seen(text, index) for text in texts]


def _seen(raw: bytes, index: ProblemIndex) -> _Seen | None:
    try:
        text = record_text(parse_record(parse_line(raw), ""))
    except RecordError:
        return None
    folded = " ".join(text.split()).lower().encode("utf-8", "surrogatepass")
    digest = int.from_bytes(hashlib.blake2b(folded, digest_size=8).digest(), "little")
    words, code = text_shingles(text), code_shingles(text)
    return _Seen(digest, np.concatenate([words, code]), index.hits(words, code))
