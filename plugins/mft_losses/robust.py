"""Weights that follow the worst task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from mft_core.interfaces import Loss, LossOptions
from mft_core.records import TaskCounts, TaskLosses
from mft_losses.arithmetic import softmax


class RobustOptions(LossOptions):
    """Options of `dro`."""

    step_size: float = Field(0.01, gt=0, description="eta: how fast weight moves to tasks with high loss")
    smoothing: float = Field(0.1, ge=0, le=1, description="share of the weight that is always spread evenly")


class GroupRobust(Loss[RobustOptions]):
    """Group DRO (arXiv 1911.08731, algorithm 1): q_i <- q_i exp(eta L_i), normalised, with L_i the training loss.

    The smoothing is DoReMi's (arXiv 2305.10429): omega = (1 - c) q + c / N.
    """

    def start(self, counts: TaskCounts) -> None:
        """Uniform."""
        super().start(counts)
        self._logits = np.zeros(len(counts))

    def task_weights(self) -> np.ndarray:
        """Smoothed, times the tasks' `weight`."""
        mixed = (1 - self.options.smoothing) * softmax(self._logits) + self.options.smoothing / len(self.counts)
        weights = mixed * self.counts.importance
        return weights / weights.sum()

    def after_step(self, training: TaskLosses, again: TaskLosses | None) -> None:
        """A task absent from the step, or whose loss is not finite, moves with the mean of the others."""
        losses = training.mean(self.options.by)
        seen = np.isfinite(losses)
        if seen.any():
            self._logits += self.options.step_size * np.where(seen, losses, losses[seen].mean())
            self._logits -= self._logits.mean()

    def state_dict(self) -> dict[str, Any]:
        """Logits of q."""
        return {"logits": self._logits.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back the logits."""
        self._logits = np.array(state["logits"])
