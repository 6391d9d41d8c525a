"""The control: what no balancing method should lose against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from mft_core.interfaces import Loss, LossOptions
from mft_core.records import TaskCounts, TaskLosses
from mft_losses.arithmetic import softmax


class RandomOptions(LossOptions):
    """Options of `random`."""

    seed: int = Field(0, ge=0, description="of the weights")


class RandomWeights(Loss[RandomOptions]):
    """Random loss weighting (arXiv 2111.10603): omega = softmax of standard normals, new at every step."""

    def start(self, counts: TaskCounts) -> None:
        """At step 0."""
        super().start(counts)
        self._step = 0

    def task_weights(self) -> np.ndarray:
        """A function of (seed, steps taken, task name): the same on every rank and after a resume."""
        seed = [self.options.seed, self._step]
        drawn = [np.random.default_rng([*seed, *name.encode()]).standard_normal() for name in self.counts.names]
        weights = self.counts.importance * softmax(np.array(drawn))
        return weights / weights.sum()

    def after_step(self, training: TaskLosses, again: TaskLosses | None) -> None:
        """Draw anew."""
        self._step += 1

    def state_dict(self) -> dict[str, Any]:
        """Steps taken."""
        return {"step": self._step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue at that step."""
        self._step = state["step"]
