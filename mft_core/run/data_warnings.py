"""What a user should know of the data before training on it, in a few lines for any number of tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from mft_core.data.tasks import TaskSet
from mft_core.data.token_store import TokenStore
from mft_core.support.lists import first_few

MOST_GROUPS = 5


def data_warnings(tasks: TaskSet, adapts_by_validation: bool) -> list[str]:
    """Records that were not looked at, missing validation data, validation samples that are trained on, repeated
    training records, keys not read, what was left out by choice.

    Args:
        adapts_by_validation: the loss measures validation samples to set the tasks' weights.
    """
    missing, told = _without_validation(tasks, adapts_by_validation), (_leakage, _duplicates, _unread, _reasoning)
    first = [*_without_task(tasks), *_unseen(tasks), *_excluded(tasks)]
    return [*first, *missing, *(line for tell in told for line in tell(tasks))]


class _Part(NamedTuple):
    """`found` of a task's `total` samples; `folded` of these only where white space does not count."""

    task: str
    found: int
    total: int
    folded: int = 0

    def __str__(self) -> str:
        folded = f" ({self.folded:,} of them but for white space)" if self.folded else ""
        return f"{self.found:,} of {self.total:,} in {self.task}{folded}"


def _unseen(tasks: TaskSet) -> Iterable[str]:
    reports = [(task.name, task.report) for task in tasks if task.report.unseen]
    parts = [_Part(name, report.read - report.unseen, report.read) for name, report in reports]
    if parts:
        why = "few samples are wanted, so it is not known how many of the others are too long"
        yield f"looked at {_worst_first(parts)}: {why}"


def _excluded(tasks: TaskSet) -> Iterable[str]:
    parts = [_Part(task.name, task.report.excluded, task.report.read) for task in tasks]
    if left_out := _worst_first(parts):
        yield f"records that data.exclude leaves out: {left_out}"


def _without_task(tasks: TaskSet) -> Iterable[str]:
    """Records of files that many tasks share, which are of none."""
    for task in tasks.without_task:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in task.report.bad.items())
        files = first_few(task.train.paths, of_what="files")
        yield f"records of no task, which are quarantined: {task.report.read:,} in {files} ({reasons})"


def _without_validation(tasks: TaskSet, adapts_by_validation: bool) -> Iterable[str]:
    without = [task.name for task in tasks if not len(task.valid)]
    if without:
        consequence = "; their weights will not adapt" if adapts_by_validation else ""
        yield f"no validation data for: {first_few(without, of_what='tasks')}{consequence}"


def _leakage(tasks: TaskSet) -> Iterable[str]:
    """Validation samples with the content of a training sample, of the same task or of another one."""
    reports = [(task.name, task.report) for task in tasks]
    own = _worst_first(_Part(name, report.overlap, report.valid, report.overlap_folded) for name, report in reports)
    if own:
        yield f"validation samples that are training samples too, so that their loss says too little: {own}"
    elsewhere = _worst_first(_trained_by_others(tasks))
    if elsewhere:
        yield f"validation samples that other tasks train on: {elsewhere}"


def _trained_by_others(tasks: TaskSet) -> Iterator[_Part]:
    """Per task, how many validation samples are training samples of other tasks and none of its own."""
    exactly = _trained(tasks, lambda store: store.entry.digests[store.index])
    folded = _trained(tasks, lambda store: store.entry.folded_digests[store.index])
    for task, (same, _), (alike, own) in zip(tasks, exactly, folded, strict=True):
        found = alike & ~own
        yield _Part(task.name, int(found.sum()), len(task.valid), int((found & ~same).sum()))


def _trained(tasks: TaskSet, digests: Callable[[TokenStore], np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per task, bool [validation samples]: which have the digest of any training sample, and of one of its own."""
    validation = [digests(task.valid) for task in tasks]
    asked = np.unique(np.concatenate([np.zeros(0, np.uint64), *validation]))
    # Only those that validate are kept of each task's training samples: there may be millions of these.
    trained = [np.intersect1d(digests(task.train), asked) for task in tasks]
    everywhere = np.unique(np.concatenate([np.zeros(0, np.uint64), *trained]))
    return [
        (np.isin(mine, everywhere), np.isin(mine, its_own)) for mine, its_own in zip(validation, trained, strict=True)
    ]


def _duplicates(tasks: TaskSet) -> Iterable[str]:
    repeated = _worst_first(_Part(task.name, task.report.duplicates, task.train.records) for task in tasks)
    if repeated:
        yield f"training records that repeat an earlier one: {repeated}"


def _unread(tasks: TaskSet) -> Iterable[str]:
    """Keys that mean nothing to the forms of records, said once for all tasks that have the same ones."""
    tasks_by_keys: dict[tuple[str, ...], list[str]] = {}
    for task in tasks:
        if keys := tuple(sorted(task.report.unread_keys)):
            tasks_by_keys.setdefault(keys, []).append(task.name)
    for keys, names in islice(tasks_by_keys.items(), MOST_GROUPS):
        where = first_few(names, of_what="tasks")
        yield f"keys that were not read: {first_few(keys, most=10, of_what='keys')} (in {where})"
    if rest := [name for names in islice(tasks_by_keys.values(), MOST_GROUPS, None) for name in names]:
        yield f"other keys were not read in: {first_few(rest, of_what='tasks')}; mft check --json has them all"


def _reasoning(tasks: TaskSet) -> Iterable[str]:
    """What a recipe's choice leaves out of conversations, all tasks together."""
    left_out = Counter[str]()
    for task in tasks:
        left_out.update(task.report.reasoning)
    if left_out:
        yield "by data.reasoning: " + ", ".join(f"{count:,} {what}" for what, count in sorted(left_out.items()))


def _worst_first(parts: Iterable[_Part]) -> str:
    """Those with anything found, the largest shares first, few of them; "" for none."""
    affected: list[_Part] = [part for part in parts if part.found]
    affected.sort(key=lambda part: -part.found / part.total)
    return first_few(affected, of_what="tasks")
