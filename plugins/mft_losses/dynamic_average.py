"""Weights from the speed at which training losses fall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from mft_core.interfaces import Loss, LossOptions
from mft_core.objective.running_mean import finite_or_none, nan_for_none
from mft_core.records import TaskCounts, TaskLosses
from mft_losses.arithmetic import softmax


class DynamicWeightAverageOptions(LossOptions):
    """Options of `dwa`."""

    temperature: float = Field(2.0, gt=0, description="large: closer to uniform")
    window: int = Field(20, ge=1, description="optimizer steps whose training losses are averaged")


class DynamicWeightAverage(Loss[DynamicWeightAverageOptions]):
    """Dynamic weight average (arXiv 1803.10704, equation 7): omega = softmax(r / temperature).

    r_i = L_i(t-1) / L_i(t-2), the task's mean training loss in the last window over that in the window before.
    """

    def start(self, counts: TaskCounts) -> None:
        """Uniform for the first two windows."""
        super().start(counts)
        self._sums = TaskLosses.zeros(len(counts))
        self._steps = 0
        self._means = np.full((2, len(counts)), np.nan)

    def task_weights(self) -> np.ndarray:
        """A task that was not measured in both windows counts as standing still."""
        before, latest = self._means
        ratios = np.where(np.isfinite(before) & np.isfinite(latest) & (before > 0), latest / before, 1.0)
        weights = self.counts.importance * softmax(ratios / self.options.temperature)
        return weights / weights.sum()

    def after_step(self, training: TaskLosses, again: TaskLosses | None) -> None:
        """Add the step to the window."""
        self._sums = self._sums + training
        self._steps += 1
        if self._steps == self.options.window:
            self._means = np.stack([self._means[1], self._sums.mean(self.options.by)])
            self._sums, self._steps = TaskLosses.zeros(len(self.counts)), 0

    def idle(self, steps: int) -> str:
        """It compares two whole windows."""
        uniform = 2 * self.options.window
        if uniform < steps:
            return ""
        return f"its weights are uniform for {uniform} steps, two windows of {self.options.window}; lower loss.window"

    def state_dict(self) -> dict[str, Any]:
        """The open window and the means of the two before it."""
        return {"sums": self._sums.as_json(), "steps": self._steps, "means": finite_or_none(self._means)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue in the open window."""
        self._sums = TaskLosses.from_json(state["sums"])
        self._steps = state["steps"]
        self._means = nan_for_none(state["means"])
