"""Which tasks are lines of the curves, and how these look."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mft_core.run.history import History
from mft_core.support.pictures import COLOURS
from mft_core.support.units import printable, shorten

DASHES = ("solid", (0, (4, 1.5)))
MOST_LINES = len(COLOURS) * len(DASHES)
EXTREMES = 3
BANDS = ((0.05, 0.95, 0.16), (0.25, 0.75, 0.30))
"""Of many tasks: from which quantile to which an area is drawn, and how opaque."""
MOST_MARKED = 25
"""Of so many points each has a dot, and there is nothing to smooth."""


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task drawn as a line of its own."""

    task: int
    label: str
    colour: str
    dash: str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class DrawnTasks:
    """Which tasks are drawn as lines; `bands`: the others, too many to tell apart, as quantiles of all tasks."""

    lines: tuple[TaskLine, ...]
    bands: bool


def choose(history: History) -> DrawnTasks:
    """All tasks where a reader can tell them apart; else those that gained most and least, over bands of all."""
    tasks = len(history.tasks)
    if tasks <= MOST_LINES:
        return DrawnTasks(tuple(_line(history, task, order) for order, task in enumerate(range(tasks))), bands=False)
    order = np.argsort(_outcome(history), kind="stable")
    extremes = [*order[:EXTREMES], *order[-EXTREMES:]]
    return DrawnTasks(tuple(_line(history, int(task), rank) for rank, task in enumerate(extremes)), bands=True)


def _line(history: History, task: int, order: int) -> TaskLine:
    label = shorten(printable(history.tasks[task]), 32)
    return TaskLine(task, label, COLOURS[order % len(COLOURS)], DASHES[order // len(COLOURS) % len(DASHES)])


def _outcome(history: History) -> np.ndarray:
    """float64 [N], lower is better: relative validation loss, else validation loss, else training loss."""
    for values in (history.relative[1:], history.eval_loss, history.smoothed(math.inf)):
        if len(values) and not np.isnan(values[-1]).all():
            return np.nan_to_num(values[-1], nan=float(np.nanmedian(values[-1])))
    return np.zeros(len(history.tasks))
