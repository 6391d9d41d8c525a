"""Measurements of who helps whom that never took place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mft_core.events import EventLog
from mft_core.objective.affinity import EVENT, AffinityCourse, as_event


def made_up_course(tasks: Sequence[str], measurements: int = 6, look_ahead: bool = True) -> AffinityCourse:
    """Tasks of even numbers help each other, those of odd ones too, and both hinder the others."""
    camp = np.arange(len(tasks)) % 2
    truth = np.where(camp[:, None] == camp, 0.5, -0.4)
    np.fill_diagonal(truth, 1.0)
    cosine = truth + np.random.default_rng(0).normal(0, 0.02, (measurements, *truth.shape))
    return AffinityCourse(
        tasks=tuple(tasks),
        steps=tuple(range(10, 10 * measurements + 1, 10)),
        samples_per_task=2,
        lengths=np.full(measurements, 0.1),
        cosine=cosine,
        cosine_train=cosine,
        gain=cosine / 100 if look_ahead else np.full_like(cosine, np.nan),
    )


def log_affinities(run: Path, tasks: Sequence[str], look_ahead: bool = True) -> None:
    """The same as events of a run."""
    course, log = made_up_course(tasks, look_ahead=look_ahead), EventLog(run)
    for number, step in enumerate(course.steps):
        gain = course.gain[number] if look_ahead else None
        log.emit(EVENT, step, **as_event(tasks, 2, 0.1, course.cosine[number], course.cosine_train[number], gain))
