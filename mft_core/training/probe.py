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
        self._rotation = step // self._request.rotate_every if self._request.rotate_every else 0
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
        if self._request.rotate_every and step // self._request.rotate_every != self._rotation:
            self.start(step)

    def samples(self) -> np.ndarray:
        """int64: indices of the samples in use; every task that has validation samples is present."""
        validation = self._context.validation
        tasks = range(len(self._context.names))
        return np.concatenate([self._window(validation.task_samples(task), task) for task in tasks])

    def _window(self, samples: np.ndarray, task: int) -> np.ndarray:
        """A window that moves on with every rotation through the task's samples, shuffled once."""
        shuffled = np.random.default_rng([self._seed, task]).permutation(samples)
        size = min(self._request.samples_per_task, len(samples))
        return shuffled[(self._rotation * size + np.arange(size)) % len(samples)] if size else shuffled

    def state_dict(self) -> dict[str, Any]:
        """Which samples are in use, and their last losses."""
        before = None if self._before is None else self._before.as_json()
        return {"rotation": self._rotation, "before": before}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self._rotation = state["rotation"]
        self._before = None if state["before"] is None else TaskLosses.from_json(state["before"])
