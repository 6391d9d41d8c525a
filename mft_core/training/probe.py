"""A small stratified set of validation samples, measured before and after optimizer steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mft_core.evaluation.losses import EvaluationContext
from mft_core.objective.loss import Loss, ProbeRequest
from mft_core.records import TaskLosses


class Probe:
    """Feeds a loss with validation losses: the same samples before and after, one forward per update.

    What is measured after one update is also the "before" of the next one.

    Args:
        context: the model and its validation samples.
        loss: receives `observe(before, after)`.
        request: how many samples, how often, when to take others.
        seed: of the choice of samples.
    """

    def __init__(self, context: EvaluationContext, loss: Loss, request: ProbeRequest, seed: int) -> None:
        self._context = context
        self._loss = loss
        self._request = request
        self._seed = seed
        self._rotation = 0
        self._before: TaskLosses | None = None

    def start(self, step: int) -> None:
        """Take the samples that belong to `step` optimizer steps done, measure them, and tell the loss."""
        self._rotation = rotation(self._request, step)
        self._before = self._context.losses(self.samples())
        self._loss.observe(self._before, self._before)

    def after_step(self, step: int) -> None:
        """To be called when `step` optimizer steps are done and the last one was not skipped."""
        if self._before is None:
            raise RuntimeError("Probe.start has not been called")
        if step % self._request.every == 0:
            after = self._context.losses(self.samples())
            self._loss.observe(self._before, after)
            self._before = after
        if rotation(self._request, step) != self._rotation:
            self.start(step)

    def samples(self) -> np.ndarray:
        """int64: indices of the samples in use; every task that has validation samples is present."""
        validation, most = self._context.validation, self._request.samples_per_task
        windows = [
            window(validation.task_samples(task), most, self._rotation, [self._seed, task])
            for task in range(len(self._context.names))
        ]
        return np.concatenate(windows)

    def state_dict(self) -> dict[str, Any]:
        """Which samples are in use, and their last losses."""
        before = None if self._before is None else self._before.as_json()
        return {"rotation": self._rotation, "before": before}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self._rotation = state["rotation"]
        self._before = None if state["before"] is None else TaskLosses.from_json(state["before"])


def rotation(request: ProbeRequest, step: int) -> int:
    """How often other samples have been taken when `step` optimizer steps are done."""
    return step // request.rotate_every if request.rotate_every else 0


def window(samples: np.ndarray, most: int, rotation: int, seed: list[int]) -> np.ndarray:
    """Up to `most` of a task's samples, int64: a window that moves on with every rotation, shuffled once."""
    shuffled = np.random.default_rng(seed).permutation(samples)
    size = min(most, len(samples))
    return shuffled[(rotation * size + np.arange(size)) % len(samples)] if size else shuffled
