"""Tasks: their names, the files they are made of, and what a data set of several tasks is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from mft_core.data.reader import LINE
from mft_core.data.token_store import TokenEntry, TokenStore, read_quarantine
from mft_core.errors import MftError, UsageError
from mft_core.records import TaskCounts
from mft_core.support.durable import whole_file
from mft_core.support.reading import EVERY_SAMPLE, TaskSampling
from mft_core.support.redact import redacted
from mft_core.support.unicode_names import strange_character

MAXIMUM_NAME = 100
MAXIMUM_BYTES = 255
"""Of a file's or folder's name, on every usual file system; tasks have folders called after them."""


def validate_task_name(name: str) -> str:
    """The name, if it can name a task, a file and a key: letters of any script with their marks, digits, "-", "_", ".".

    Raises:
        UsageError: it is empty, longer than 100 characters or 255 bytes of UTF-8, starts with ".", or holds anything
            else, such as "/", a space, an emoji or a character that cannot be seen.
    """
    strange = strange_character(name)
    long = len(name) > MAXIMUM_NAME or len(name.encode(errors="replace")) > MAXIMUM_BYTES
    if not name or strange or long or name.startswith("."):
        holds = f": it holds {strange!r}" if strange else ""
        raise UsageError(
            f"{name!r} cannot be the name of a task{holds}.",
            f"Use letters of any script, digits, '-', '_' and '.', at most {MAXIMUM_NAME} ({MAXIMUM_BYTES} bytes), not "
            "starting with '.'. --task NAME=PATH gives the task another name than its files have.",
        )
    return name


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What became of a task's records.

    Attributes:
        read: records in its files; each is in exactly one of `train`, `valid`, `left_out`, `unseen`, `excluded`,
            `overlong`, `bad`, where one that was split counts as its parts: read - split + parts is the sum of those.
        train: training samples.
        valid: validation samples; 0 where the task is too small to split.
        bad: records that cannot be used, by reason.
        overlong: records dropped because they are longer than `max_length` (or nothing supervised was left of them).
        truncated: records cut to `max_length` and used.
        split: records that became more than one sample: plain text longer than `max_length`, and conversations whose
            template shows an answer in another form than it is asked for in.
        parts: samples they were split into.
        excluded: samples of records that `data.exclude` says to leave out.
        left_out: usable records beyond `max_samples` or `max_valid_samples`.
        unseen: records beyond `max_samples` or `max_valid_samples` that were read but not tokenised, since few are
            wanted: how many of them are over-long, or refused by the template, is not known.
        duplicates: training records that repeat an earlier one.
        overlap: validation samples that are also training samples, white space and weights aside.
        tokens: training tokens.
        supervised: training tokens that are targets.
        examples: the first refused records, "file:line reason: detail".
        longer: records that were dropped or truncated for their length, by their tokens, rounded up to a multiple of
            `mft_core.data.longer_records.LENGTH_STEP` (as text, since JSON has no other keys). One that is too long to
            be tokenised at all counts as having a token for each character.
        longer_tokens: what was lost of them, in tokens, by the same; 0 for those that were not tokenised.
        longer_supervised: how many of these tokens would have been targets.
        unread_keys: records that hold something under a key that was not read and is not known to be harmless, by the
            key, the commonest first.
        overlap_folded: how many of `overlap` differ from every training sample in white space or weights.
        weighted_samples: how many the training samples count as, sum_j W_ij / T_ij; None: no token has a weight but 1.
        weighted_tokens: how many the training targets count as, sum_j W_ij; None likewise.
        reasoning: what `data.reasoning` left out of the records that are used: "thoughts left out", and "answers left
            out" of conversations of several samples (at least so many).
    """

    read: int
    train: int
    valid: int
    bad: Mapping[str, int]
    overlong: int
    truncated: int
    split: int
    parts: int
    left_out: int
    duplicates: int
    overlap: int
    tokens: int
    supervised: int
    examples: tuple[str, ...] = field(default=())
    longer: Mapping[str, int] = field(default_factory=dict)
    longer_tokens: Mapping[str, int] = field(default_factory=dict)
    longer_supervised: Mapping[str, int] = field(default_factory=dict)
    unread_keys: Mapping[str, int] = field(default_factory=dict)
    excluded: int = 0
    unseen: int = 0
    overlap_folded: int = 0
    weighted_samples: float | None = None
    weighted_tokens: float | None = None
    reasoning: Mapping[str, int] = field(default_factory=dict)

    @property
    def bad_records(self) -> int:
        """All bad records, whatever the reason."""
        return sum(self.bad.values())

    @property
    def fit_to_learn(self) -> int:
        """Records that are no bad ones and were tokenised, or dropped for their length."""
        return self.read - self.bad_records - self.unseen

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        values = asdict(self)
        counts = {name: dict(value) for name, value in values.items() if isinstance(value, Mapping)}
        return {**values, **counts, "examples": list(self.examples)}


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a run: `index` is its task id, `sampling` what it says itself of the samples that it has."""

    name: str
    index: int
    weight: float
    train: TokenStore
    valid: TokenStore
    report: TaskReport
    sampling: TaskSampling = EVERY_SAMPLE

    def sources(self) -> Iterator[tuple[TokenEntry, tuple[Path, ...]]]:
        """The entries its samples come from, with their files; one where validation is split off."""
        yield self.train.entry, self.train.paths
        if self.valid.paths != self.train.paths:
            yield self.valid.entry, self.valid.paths


@dataclass(frozen=True)
class TaskSet:
    """The tasks of a run, in task-id order.

    Attributes:
        tasks: those that are trained. They alone have task ids, counts and a part in the objective.
        watched: those that are only measured, numbered by themselves; they have validation samples alone.
    """

    tasks: tuple[Task, ...]
    watched: tuple[Task, ...] = ()

    def __len__(self) -> int:
        return len(self.tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)

    def __getitem__(self, index: int) -> Task:
        return self.tasks[index]

    @property
    def names(self) -> tuple[str, ...]:
        """Task names, in task-id order."""
        return tuple(task.name for task in self.tasks)

    @property
    def every(self) -> tuple[Task, ...]:
        """The trained tasks, then the watched ones."""
        return (*self.tasks, *self.watched)

    @property
    def repeat(self) -> np.ndarray:
        """[N]: passes over each task's training samples in an epoch; int64, all 1, where none is repeated."""
        repeat = np.array([task.sampling.repeat for task in self.tasks], np.float64)
        return repeat if (repeat != 1).any() else np.ones(len(repeat), np.int64)

    @cached_property
    def counts(self) -> TaskCounts:
        """The training samples of all tasks in numbers."""
        sizes = [task.train.sizes() for task in self.tasks]  # all are int, or some are float
        return TaskCounts(
            names=self.names,
            samples=np.array([samples for samples, _ in sizes]) * self.repeat,
            tokens=np.array([tokens for _, tokens in sizes]) * self.repeat,
            importance=np.array([task.weight for task in self.tasks], np.float64),
        )


def write_quarantine(tasks: TaskSet, path: Path) -> int:
    """Every refused record as one JSON line: "task", "file", "line" where its place is a line, "origin" (such as
    "file:line"), "reason", "detail", "record" (the raw text).

    Returns:
        how many there are. Without any, no file is written.

    Raises:
        MftError: the file cannot be written.
    """
    refused, written = _refused(tasks), 0
    first = next(refused, None)
    if first is None:
        return 0
    try:
        with whole_file(path) as stream:
            for written, line in enumerate(chain([first], refused), 1):  # noqa: B007 - the last number is the count
                stream.write(json.dumps(redacted(line), ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        raise MftError(f"{path} cannot be written: {error}", "Check the space and the rights there.") from error
    return written


def _refused(tasks: TaskSet) -> Iterator[dict[str, Any]]:
    for task in tasks.every:
        for entry, paths in task.sources():
            for line in read_quarantine(entry):
                file, place = line.pop("file"), line.pop("place")
                where = {"line": place} if entry.place_forms[file] == LINE else {}
                origin = entry.origin(paths, file, place)
                yield {"task": task.name, "file": str(paths[file]), **where, "origin": origin, **line}
