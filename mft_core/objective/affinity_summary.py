"""Who helps whom, over a whole run: means with intervals, the pairs that stand out, and groups to try."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mft_core.objective.affinity import AffinityCourse, rounded
from mft_core.objective.grouping import Groups, best_groups, within
from mft_core.objective.intervals import CONFIDENCE, MeanInterval, mean_interval

CONFLICT = -0.1
"""Mean cosine below which two tasks are in conflict, if its interval lies below too."""

MOST_GROUPS, MOST_PAIRS, FOLDS = 3, 5, 10
SPLIT, TOGETHER, UNDECIDED = "split", "together", "undecided"


@dataclass(frozen=True, slots=True)
class TaskPair:
    """Two tasks and what was measured, with its interval; what `one` does for `other`, or of both."""

    one: str
    other: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which tasks to learn together, as far as steps of one task tell about another.

    Attributes:
        groups: names by group.
        by: "gain", of trial steps; or "cosine", where none were taken: then nothing is known about losses.
        advantage: of learning in groups over all together, a mean over tasks: what the steps of its partners take off a
            task's validation loss, per step of each partner; measured with groups that were chosen on other
            measurements. 0 where everything is one group.
        low, high: its interval; None: there are too few measurements.
        verdict: "split" where the interval lies above 0 and every task's own steps help it, "together" where one group
            is best, else "undecided".
    """

    groups: tuple[tuple[str, ...], ...]
    by: str
    advantage: float
    low: float | None
    high: float | None
    verdict: str

    def as_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {**asdict(self), "groups": [list(group) for group in self.groups]}


@dataclass(frozen=True, slots=True)
class Affinity:
    """What `affinity.json` holds.

    Attributes:
        course: the measurements.
        cosine, cosine_train, gain: their means with intervals, [N, N]; `gain` is None where no trial steps were taken.
        helps: pairs that help most, most first: by gain, or by cosine where there is none; intervals above 0.
        hinders: those that hinder most; intervals below 0.
        conflicts: pairs whose gradients point away from each other: the mean of the cosines either way below
            `CONFLICT`, and its interval too.
        grouping: None: nothing to group.
        unhelped: tasks whose own validation loss their trial steps are not shown to lower.
    """

    course: AffinityCourse
    cosine: MeanInterval
    cosine_train: MeanInterval
    gain: MeanInterval | None
    helps: tuple[TaskPair, ...]
    hinders: tuple[TaskPair, ...]
    conflicts: tuple[TaskPair, ...]
    grouping: Grouping | None
    unhelped: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "tasks": list(self.course.tasks),
            "steps": list(self.course.steps),
            "samples_per_task": self.course.samples_per_task,
            "confidence": CONFIDENCE,
            "cosine": _matrices(self.cosine),
            "cosine_train": _matrices(self.cosine_train),
            "gain": None if self.gain is None else _matrices(self.gain),
            "helps": [asdict(pair) for pair in self.helps],
            "hinders": [asdict(pair) for pair in self.hinders],
            "conflicts": [asdict(pair) for pair in self.conflicts],
            "grouping": None if self.grouping is None else self.grouping.as_json(),
            "unhelped": list(self.unhelped),
        }


def summarised(course: AffinityCourse) -> Affinity:
    """Means, pairs and groups; intervals are over measurements, each of which has samples of its own."""
    looked_ahead = bool(np.isfinite(course.gain).any())
    cosine, gain = mean_interval(course.cosine), mean_interval(course.gain) if looked_ahead else None
    telling = cosine if gain is None else gain
    pairs = sorted(_pairs(course.tasks, telling), key=lambda pair: -pair.value)
    groups = grouped(course.tasks, course.gain if looked_ahead else course.cosine, "gain" if gain else "cosine")
    unhelped = _unhelped(course.tasks, gain) if gain else ()
    if groups and unhelped and groups.verdict == SPLIT:
        groups = replace(groups, verdict=UNDECIDED)
    return Affinity(
        course=course,
        cosine=cosine,
        cosine_train=mean_interval(course.cosine_train),
        gain=gain,
        helps=tuple(pair for pair in pairs if pair.low > 0)[:MOST_PAIRS],
        hinders=tuple(pair for pair in reversed(pairs) if pair.high < 0)[:MOST_PAIRS],
        conflicts=conflicting(course),
        grouping=groups,
        unhelped=unhelped,
    )


def _unhelped(tasks: tuple[str, ...], gain: MeanInterval) -> tuple[str, ...]:
    low = np.diagonal(gain.low)
    return tuple(task for task, least in zip(tasks, low, strict=True) if np.isfinite(least) and least <= 0)


def conflicting(course: AffinityCourse) -> tuple[TaskPair, ...]:
    """The pairs in conflict, the worst first; see `Affinity`."""
    both_ways = mean_interval((course.cosine + course.cosine.transpose(0, 2, 1)) / 2)
    found = [pair for pair in _pairs(course.tasks, both_ways, once=True) if pair.high < CONFLICT]
    return tuple(sorted(found, key=lambda pair: pair.value))


def _pairs(tasks: tuple[str, ...], found: MeanInterval, once: bool = False) -> Iterator[TaskPair]:
    """Pairs of different tasks that have an interval; `once`: each in one order only."""
    for one, other in np.argwhere(np.isfinite(found.low)).tolist():
        if one < other or (one > other and not once):
            values = (float(matrix[one, other]) for matrix in (found.mean, found.low, found.high))
            yield TaskPair(tasks[one], tasks[other], *values)


def grouped(tasks: tuple[str, ...], scores: np.ndarray, by: str) -> Grouping | None:
    """The best groups by the mean of `scores`, and what they are worth; None: fewer than two tasks, or nothing known.

    To choose groups by some measurements and judge them by the same ones would promise too much. So each part of the
    measurements is judged with groups that were chosen on the others.

    Args:
        scores: float64 [M, N, N], what task i does for task j.
    """
    if len(tasks) < 2 or not np.isfinite(scores[:, ~np.eye(len(tasks), dtype=bool)]).any():
        return None
    found = best_groups(_mean(scores), MOST_GROUPS)
    groups = tuple(tuple(tasks[task] for task in group) for group in found)
    if len(found) == 1:
        return Grouping(groups, by, 0.0, None, None, TOGETHER)
    worth = mean_interval(_held_out(scores)) if len(scores) > 1 else mean_interval(_advantage(scores, found))
    low, high = (float(end) if np.isfinite(end) else None for end in (worth.low, worth.high))
    verdict = SPLIT if low is not None and low > 0 else UNDECIDED
    return Grouping(groups, by, float(worth.mean), low, high, verdict)


def _held_out(scores: np.ndarray) -> np.ndarray:
    """float64 [M]: the advantage in each measurement of groups chosen on those that lie in other parts of the run."""
    found = np.zeros(len(scores))
    for part in np.array_split(np.arange(len(scores)), min(FOLDS, len(scores))):
        groups = best_groups(_mean(np.delete(scores, part, axis=0)), MOST_GROUPS)
        found[part] = _advantage(scores[part], groups)
    return found


def _advantage(scores: np.ndarray, groups: Groups) -> np.ndarray:
    """float64 [M]: of groups over all together, a mean over tasks."""
    tasks = scores.shape[1]
    known, together = np.nan_to_num(scores), (tuple(range(tasks)),)
    return np.array([within(one, groups) - within(one, together) for one in known]) / tasks


def _mean(scores: np.ndarray) -> np.ndarray:
    """float64 [N, N]: 0 where nothing is known."""
    return np.nan_to_num(mean_interval(scores).mean)


def _matrices(found: MeanInterval) -> dict[str, Any]:
    return {"mean": rounded(found.mean), "low": rounded(found.low), "high": rounded(found.high)}
