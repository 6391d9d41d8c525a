"""Between balanced and mixed: weights that grow with a power of the task's size."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from mft_core.interfaces import Loss, LossOptions


class PowerOptions(LossOptions):
    """Options of `power`."""

    exponent: float = Field(0.5, ge=0, le=1, description="a: 0 is balanced, 1 is mixed")


class Power(Loss[PowerOptions]):
    """omega_i ~ T_i^a by tokens, M_i^a by samples, times the tasks' `weight`."""

    def task_weights(self) -> np.ndarray:
        """Constant."""
        weights = self.counts.sizes(self.options.by) ** self.options.exponent * self.counts.importance
        return weights / weights.sum()
