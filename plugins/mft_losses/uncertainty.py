"""Every task's loss on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mft_core.interfaces import Loss
from mft_core.objective.running_mean import RunningMean
from mft_core.records import TaskCounts, TaskLosses


class Uncertainty(Loss):
    """omega_i ~ 1 / L_i, with L_i the running mean of the task's training loss.

    These are the weights of homoscedastic uncertainty (arXiv 1705.07115) at its optimum, of IMTL-L, and of the
    geometric mean of the losses: the objective becomes sum_i log L_i.
    """

    def start(self, counts: TaskCounts) -> None:
        """Uniform until a loss is known."""
        super().start(counts)
        self._losses = RunningMean(len(counts))

    def task_weights(self) -> np.ndarray:
        """A task that was not seen yet counts with the mean loss of the others."""
        losses = self._losses.value
        mean = np.nanmean(losses) if np.isfinite(losses).any() else 1.0
        weights = self.counts.importance / np.maximum(np.where(np.isfinite(losses), losses, mean), 1e-3 * mean)
        return weights / weights.sum()

    def after_step(self, training: TaskLosses, again: TaskLosses | None) -> None:
        """Take in the step's training losses."""
        self._losses.update(training.mean(self.options.by))

    def state_dict(self) -> dict[str, Any]:
        """The running means."""
        return self._losses.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back the running means."""
        self._losses.load_state_dict(state)
