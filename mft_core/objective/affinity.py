"""Measurements of who helps whom, as events of a run and read back from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

EVENT = "affinity"
DIGITS = 6
"""Significant digits of what is written: with 100 tasks a measurement takes about 200 kB of metrics.jsonl."""


@dataclass(frozen=True, slots=True)
class AffinityCourse:
    """M measurements of N tasks; NaN where something is not known.

    Attributes:
        tasks: the N names.
        steps: optimizer steps done at each measurement, M.
        samples_per_task: on each side, training and validation.
        lengths: float64 [M], of the trial steps.
        cosine: float64 [M, N, N], of task i's training gradient and task j's validation gradient.
        cosine_train: float64 [M, N, N], of both training gradients.
        gain: float64 [M, N, N], what share of task j's validation loss a step along task i's training gradient takes
            off; NaN where no trial step was taken.
    """

    tasks: tuple[str, ...]
    steps: tuple[int, ...]
    samples_per_task: int
    lengths: np.ndarray
    cosine: np.ndarray
    cosine_train: np.ndarray
    gain: np.ndarray


def as_event(
    tasks: Sequence[str],
    samples_per_task: int,
    length: float,
    cosine: np.ndarray,
    cosine_train: np.ndarray,
    gain: np.ndarray | None,
) -> dict[str, Any]:
    """The fields of one measurement's event; see `AffinityCourse`. `gain` is None where no trial steps were taken."""
    return {
        "tasks": list(tasks),
        "samples_per_task": samples_per_task,
        "length": length,
        "cosine": rounded(cosine),
        "cosine_train": rounded(cosine_train),
        "gain": None if gain is None else rounded(gain),
    }


def rounded(matrix: np.ndarray) -> list[list[float | None]]:
    """Rows of numbers; None where one is not finite."""
    return [[float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in row] for row in matrix]


def read_course(events: Iterable[Mapping[str, Any]]) -> AffinityCourse | None:
    """The measurements among a run's events, oldest first; None: there are none.

    Where a run went on with other tasks, those since then.
    """
    found = {event["step"]: event for event in events if event["event"] == EVENT}  # of one step, the later one
    if not found:
        return None
    last = found[max(found)]
    kept = [found[step] for step in sorted(found) if found[step]["tasks"] == last["tasks"]]
    tasks = len(last["tasks"])
    return AffinityCourse(
        tasks=tuple(last["tasks"]),
        steps=tuple(event["step"] for event in kept),
        samples_per_task=last["samples_per_task"],
        lengths=np.array([event["length"] for event in kept], np.float64),
        cosine=np.stack([_matrix(event["cosine"], tasks) for event in kept]),
        cosine_train=np.stack([_matrix(event["cosine_train"], tasks) for event in kept]),
        gain=np.stack([_matrix(event["gain"], tasks) for event in kept]),
    )


def joined(courses: Sequence[AffinityCourse]) -> AffinityCourse:
    """The measurements of several runs on the same tasks, one run after the other."""
    first = courses[0]
    return AffinityCourse(
        tasks=first.tasks,
        steps=tuple(step for course in courses for step in course.steps),
        samples_per_task=first.samples_per_task,
        lengths=np.concatenate([course.lengths for course in courses]),
        cosine=np.concatenate([course.cosine for course in courses]),
        cosine_train=np.concatenate([course.cosine_train for course in courses]),
        gain=np.concatenate([course.gain for course in courses]),
    )


def _matrix(rows: Sequence[Sequence[float | None]] | None, tasks: int) -> np.ndarray:
    if rows is None:
        return np.full((tasks, tasks), np.nan)
    return np.array(rows, np.float64).reshape(tasks, tasks)  # None becomes NaN
