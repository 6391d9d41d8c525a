"""`famo` fed with losses that are made up."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from mft_core.records import TaskCounts
from mft_core.testing.samples import task_losses
from mft_losses.famo import Famo, FamoOptions

PLAIN = {"scale_delta": False, "guard": False, "floor": 1e-12}
"""Without what was added to the published algorithm, but for what `divide_by` says."""


def famo(tasks: int, **options) -> Famo:
    """Started, with so many tasks of one size."""
    loss = Famo(FamoOptions(**options))
    ones = np.ones(tasks, np.int64)
    loss.start(TaskCounts(tuple(map(str, range(tasks))), ones, ones, np.ones(tasks)))
    return loss


def feed(loss: Famo, trajectory: Iterable) -> None:
    """Show it the losses of one step after another, [steps, tasks]."""
    for before, after in itertools.pairwise(trajectory):
        loss.observe(task_losses(before), task_losses(after))
