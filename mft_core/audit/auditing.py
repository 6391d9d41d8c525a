"""All records of all tasks looked through: exact and near duplicates, and problems of published sets among them.

A million records take a few hundred bytes each: a digest, a signature, and where they stand.
"""

from __future__ import annotations

import functools
import multiprocessing
import pickle
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mft_core.audit.leakage import Hit, Problem, ProblemIndex
from mft_core.audit.shingles import code_shingles, text_digest, text_shingles
from mft_core.audit.similar import Signatures
from mft_core.data.line_parsing import parse_line
from mft_core.data.reader import place_in_words
from mft_core.data.readers import Readers
from mft_core.data.record_forms import content_digest, parse_record
from mft_core.data.task_records import task_records
from mft_core.errors import MftError, RecordError
from mft_core.records import Record, TaskFiles
from mft_core.support.reading import AS_IT_IS, RecordForm
from mft_core.support.threads import allowed_processors

CHUNK = 512
PARALLEL_RECORDS = 20_000
"""Below this many, starting processes takes longer than it saves."""
TRAIN, VALID = "train", "valid"
LOOKING, COMPARING = "looking through the records", "comparing those that may be alike"


class Place(NamedTuple):
    """Where a record stands: its task, the side of it, its file, and the place there, as a number and in words; and, of
    one that was looked at, the digest of its content.
    """

    task: str
    side: str
    file: Path
    place: int
    origin: str
    digest: int = 0


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


class _Raw(NamedTuple):
    """A record as it was read, and how it is to be understood."""

    text: bytes
    form: RecordForm


class _Seen(NamedTuple):
    """What is kept of a record: None of one that cannot be read.

    Attributes:
        content: digest of the record as it is.
        digest: of its text, equal for texts that differ in white space and case alone.
    """

    content: int
    digest: int
    shingles: np.ndarray
    hits: list[Hit]


def audit(
    tasks: Sequence[TaskFiles],
    readers: Readers,
    problems: Sequence[Problem] = (),
    thresholds: Thresholds = Thresholds(),
    processes: int | None = None,
    form: RecordForm = AS_IT_IS,
    on_progress: Callable[[str, int], None] | None = None,
) -> Audit:
    """Look through all records of all tasks.

    Args:
        tasks: with their files.
        readers: of these files.
        problems: of published sets.
        thresholds: what counts as found.
        processes: None: one per core where that pays.
        form: of the records of tasks that have none of their own.
        on_progress: told what is done now, and for how many records so far.

    Raises:
        MftError: a file cannot be read, what finds near duplicates is not installed, or a process died.
    """
    found, places, digests, signatures = Audit(), [], [], Signatures()
    tell = on_progress or (lambda what, records: None)
    for places_of_chunk, seen in _looked_through(tasks, readers, problems, thresholds, processes, form):
        looked_at = zip(places_of_chunk, seen, strict=True)
        kept = [(place._replace(digest=one.content), one) for place, one in looked_at if one is not None]
        signatures.add([one.shingles for _, one in kept])
        for place, one in kept:
            found.records[place.task, place.side] += 1
            found.leaks.extend(Leak(place, hit) for hit in one.hits)
            places.append(place)
            digests.append(one.digest)
        tell(LOOKING, len(places))
    tell(COMPARING, len(places))
    exact = dict(_equal(np.array(digests, np.uint64)))
    found.pairs.extend(Pair(places[first], places[later], 1.0) for later, first in exact.items())
    near = (pair for pair in signatures.pairs(thresholds.near) if pair[1] not in exact)
    found.pairs.extend(Pair(places[first], places[later], share) for first, later, share in near)
    return found


def record_text(record: Record) -> str:
    """What a record says and calls, without its system turn and its tools, which many have in common."""
    turns = (turn for turn in record.turns if turn.role not in ("system", "tools"))
    said = (text for turn in turns for text in (turn.content, *([turn.calls] if turn.calls else [])))
    return record.text if record.text is not None else "\n".join(said)


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
    form: RecordForm,
) -> Iterator[tuple[list[Place], list[_Seen | None]]]:
    """Chunk by chunk, in the order of the tasks and files, in this process or in several."""
    index = ProblemIndex(problems, thresholds.leak)
    records = _records(tasks, readers, form)
    beginning = list(islice(records, PARALLEL_RECORDS))
    wanted = processes if processes is not None else allowed_processors() if len(beginning) == PARALLEL_RECORDS else 1
    chunks = _chunks(beginning, records)
    if wanted <= 1:
        for chunk in chunks:
            yield [place for place, _ in chunk], _look([text for _, text in chunk], index)
        return
    with tempfile.TemporaryDirectory(prefix="mft-audit-") as folder:
        payload = Path(folder) / "problems.pickle"
        payload.write_bytes(pickle.dumps(index))
        try:
            yield from _in_processes(wanted, chunks, str(payload))
        except BrokenProcessPool as error:
            hint = "If memory ran out, close other programs; then start again."
            raise MftError("A process that looks through the data has died.", hint) from error


def _in_processes(
    processes: int, chunks: Iterable[list[tuple[Place, _Raw]]], payload: str
) -> Iterator[tuple[list[Place], list[_Seen | None]]]:
    """The chunks in their order; a few of them are in memory at a time."""
    waiting: deque[tuple[list[Place], Future[list[_Seen | None]]]] = deque()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for chunk in chunks:
            texts = [text for _, text in chunk]
            waiting.append(([place for place, _ in chunk], pool.submit(_look_in_worker, texts, payload)))
            if len(waiting) > 2 * processes:
                places, result = waiting.popleft()
                yield places, result.result()
        for places, result in waiting:
            yield places, result.result()


@functools.cache
def _problem_index(payload: str) -> ProblemIndex:
    index: ProblemIndex = pickle.loads(Path(payload).read_bytes())  # written by the parent process just now
    return index


def _look_in_worker(texts: list[_Raw], payload: str) -> list[_Seen | None]:
    return _look(texts, _problem_index(payload))


def _records(tasks: Sequence[TaskFiles], readers: Readers, form: RecordForm) -> Iterator[tuple[Place, _Raw]]:
    words: dict[Path, str] = {}
    for task, path, validates, record in task_records(tasks, readers):
        if path not in words:
            words[path] = readers.reader_of(path, task.reader).place_form(path)
        origin = f"{path}{place_in_words(words[path], record.place)}"
        text = b"" if record.fault else record.text
        side = VALID if validates or task.sampling.watched else TRAIN
        yield Place(task.name, side, path, record.place, origin), _Raw(text, task.form or form)


def _chunks(
    beginning: list[tuple[Place, _Raw]], rest: Iterator[tuple[Place, _Raw]]
) -> Iterator[list[tuple[Place, _Raw]]]:
    for start in range(0, len(beginning), CHUNK):
        yield beginning[start : start + CHUNK]
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _look(texts: Sequence[_Raw], index: ProblemIndex) -> list[_Seen | None]:
    return [_seen(text, index) for text in texts]


def _seen(raw: _Raw, index: ProblemIndex) -> _Seen | None:
    try:
        record = parse_record(parse_line(raw.text), "", raw.form)
    except RecordError:
        return None
    text, content = record_text(record), int.from_bytes(content_digest(record), "little")
    words, code = text_shingles(text), code_shingles(text)
    return _Seen(content, text_digest(text), np.concatenate([words, code]), index.hits(words, code))
