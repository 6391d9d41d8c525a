"""The baseline: tasks mixed blindly."""

from __future__ import annotations

import numpy as np

from mft_core.interfaces import Loss, SomeLossOptions


class Mixed(Loss[SomeLossOptions]):
    """omega_i ~ the task's supervised tokens (or samples): the plain mean over everything, whatever its task.

    This is what TRL, LLaMA-Factory and the Hugging Face Trainer minimise on a concatenated data set.
    """

    def task_weights(self) -> np.ndarray:
        """Constant: T_i / sum T by tokens, M_i / sum M by samples, times the tasks' `weight`."""
        weights = self.counts.sizes(self.options.by) * self.counts.importance
        return weights / weights.sum()
