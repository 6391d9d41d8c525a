"""Saved states that hold values per task, for a run on other tasks: they follow the tasks' names, not their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mft_core.data.identity import Identities, origins

PER_TASK = ("meter", "balance", "loss", "within", "overfitting", "left_out")
"""Parts of a trainer's state that hold values per task; of the others, some hold them by name."""

Places = Sequence[int | None]
"""For each task of this run the number it had in the saved state; None: it had none."""


def on_these_tasks(
    state: Mapping[str, Any], fresh: Mapping[str, Any], before: Identities, after: Identities
) -> dict[str, Any]:
    """A trainer's saved state on tasks `before`, for one on tasks `after`; `fresh` is what that one has by itself."""
    if list(before) == list(after):
        return dict(state)
    was, number = origins(before, after), {name: index for index, name in enumerate(before)}
    places = [number[was[name]] if name in was else None for name in after]
    return {
        key: for_tasks(value, fresh[key], places, len(before)) if key in PER_TASK else value
        for key, value in state.items()
    }


def for_tasks(state: Any, fresh: Any, places: Places, tasks: int) -> Any:
    """A saved state with its values per task put in the order of this run's tasks.

    What is per task is told by comparison: a list with an element for each task, where a state without a past has one
    for each task of this run; the rows of such elements in a list of lists; and both, where it is such a matrix.

    Args:
        state: JSON values, of a run with `tasks` tasks.
        fresh: the same of this run before its first step; new tasks have its values.
        places: where each of this run's tasks stood.
    """
    if isinstance(state, Mapping):
        known = fresh if isinstance(fresh, Mapping) else {}
        return {key: for_tasks(value, known.get(key), places, tasks) for key, value in state.items()}
    if not isinstance(state, list):
        return state
    if any(isinstance(item, (list, Mapping)) for item in state):
        new_row: list[Any] = [None] * len(places)
        if _is_matrix(state, tasks) and _is_matrix(fresh, len(places)):
            return [
                fresh[row] if place is None else for_tasks(state[place], fresh[row], places, tasks)
                for row, place in enumerate(places)
            ]
        rows = fresh if isinstance(fresh, list) and len(fresh) == len(state) else [new_row] * len(state)
        return [for_tasks(item, row, places, tasks) for item, row in zip(state, rows, strict=True)]
    per_task = len(state) == tasks and isinstance(fresh, list) and len(fresh) == len(places)
    if not per_task:
        return state
    return [fresh[index] if place is None else state[place] for index, place in enumerate(places)]


def _is_matrix(values: Any, size: int) -> bool:
    """Whether it is a list of as many lists of as many elements."""
    return isinstance(values, list) and [len(row) for row in values if isinstance(row, list)] == [size] * size
