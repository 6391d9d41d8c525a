"""A running mean per task that copes with tasks that were not measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


class RunningMean:
    """Exponential running mean of N values.

    Args:
        tasks: N.
        decay: weight of the past; a task's first measurement is its mean.

    Attributes:
        value: float64 [N]; NaN where nothing was measured yet.
    """

    def __init__(self, tasks: int, decay: float = 0.9) -> None:
        self.value = np.full(tasks, np.nan)
        self._decay = decay

    def update(self, measured: np.ndarray) -> None:
        """Take in float64 [N]; a value that is not finite leaves its task's mean as it is."""
        new = np.isfinite(measured)
        first = new & np.isnan(self.value)
        moved = self._decay * self.value + (1 - self._decay) * measured
        self.value = np.where(first, measured, np.where(new, moved, self.value))

    def state_dict(self) -> dict[str, Any]:
        """The means, as JSON values."""
        return {"value": finite_or_none(self.value)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.value = nan_for_none(state["value"])


def finite_or_none(values: np.ndarray) -> list[Any]:
    """A list for JSON, None for NaN; nested like the array."""
    as_objects = values.astype(object)
    as_objects[np.isnan(values)] = None
    return as_objects.tolist()


def nan_for_none(values: list[Any]) -> np.ndarray:
    """float64, the array that `finite_or_none` was given."""
    return np.array(values, dtype=np.float64)
