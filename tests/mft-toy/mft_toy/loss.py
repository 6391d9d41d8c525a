"""Fixed task weights."""

from __future__ import annotations

import numpy as np
from pydantic import Field, NonNegativeFloat

from mft_core.errors import UsageError
from mft_core.interfaces import Loss, LossOptions


class FixedOptions(LossOptions):
    """Options of `Fixed`."""

    weights: tuple[NonNegativeFloat, ...] = Field((), description="one per task, by name; none: all equal")


class Fixed(Loss[FixedOptions]):
    """omega is what the option `weights` says, times the tasks' importance, normalised to sum 1."""

    def task_weights(self) -> np.ndarray:
        """float64 [N], constant.

        Raises:
            UsageError: there are not as many weights as tasks.
        """
        weights = np.array(self.options.weights or np.ones(len(self.counts)), dtype=np.float64)
        if len(weights) != len(self.counts):
            raise UsageError(f"loss.weights has {len(weights)} values for the tasks {', '.join(self.counts.names)}.")
        weights = weights * self.counts.importance
        return weights / weights.sum()
