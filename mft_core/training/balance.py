"""Watching the balance of tasks: who converges how far, and who needs a word to the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mft_core.objective.running_mean import finite_or_none, nan_for_none

OVERFIT_RISE, STALL_FALL = 0.02, 0.005
PATIENCE = 3
LOW_WEIGHT, LOW_WEIGHT_STEPS = 0.01, 50


class BalanceWatch:
    """Follows every task's validation loss, weight and share of the supervised tokens.

    Args:
        names: the tasks, in task-id order.

    A task *overfits* when its validation loss lies more than 2% above its lowest in three evaluations in a row; it
    *stalls* when three evaluations in a row brought it less than 0.5%; it is *starved* when it had less than 1% of the
    weight (half of an even share where that is less) in fifty steps in a row. It is *lost* when its validation loss is
    not finite. Each is said once per task.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        tasks = len(names)
        self._names = names
        self._first = np.full(tasks, np.nan)
        self._best = np.full(tasks, np.nan)
        self._latest = np.full(tasks, np.nan)
        self._best_step = np.zeros(tasks, np.int64)
        self._rising = np.zeros(tasks, np.int64)
        self._standing = np.zeros(tasks, np.int64)
        self._starved = np.zeros(tasks, np.int64)
        self._seen = np.zeros(tasks, np.int64)
        self._said: set[str] = set()

    def after_step(self, weights: np.ndarray, tokens: np.ndarray) -> list[str]:
        """Take in a step's task weights and supervised tokens, [N]; returns new warnings."""
        low = weights < min(LOW_WEIGHT, 0.5 / len(self._names))
        self._starved = np.where(low, self._starved + 1, 0)
        self._seen += tokens
        text = f"had less than {LOW_WEIGHT:.0%} of the weight for {LOW_WEIGHT_STEPS} steps: it is hardly trained"
        return self._say("starved", self._starved >= LOW_WEIGHT_STEPS, text)

    def after_evaluation(self, step: int, losses: np.ndarray, measured: np.ndarray) -> list[str]:
        """Take in every task's validation loss, float64 [N], where it is `measured`, bool [N]; returns new warnings."""
        lost = measured & ~np.isfinite(losses)
        losses = np.where(np.isfinite(losses), losses, np.nan)
        self._first = np.where(np.isnan(self._first), losses, self._first)
        rising = losses > self._best * (1 + OVERFIT_RISE)
        standing = ~rising & (losses > self._latest * (1 - STALL_FALL))
        better = np.isnan(self._best) | (losses < self._best)
        self._best_step = np.where(better, step, self._best_step)
        self._best = np.where(better, losses, self._best)
        self._rising = np.where(rising, self._rising + 1, 0)
        self._standing = np.where(standing, self._standing + 1, 0)
        self._latest = losses
        overfits = "overfits: its validation loss is more than 2% above its lowest since three evaluations"
        stalls = "stalls: three evaluations brought its validation loss less than 0.5% each"
        not_finite = "has a validation loss that is not finite: such an evaluation is never the best"
        return [
            *self._say("lost", lost, not_finite),
            *self._say("overfits", self._rising >= PATIENCE, overfits),
            *self._say("stalls", self._standing >= PATIENCE, stalls),
        ]

    def _say(self, kind: str, which: np.ndarray, text: str) -> list[str]:
        new = [name for name, wanted in zip(self._names, which, strict=True) if wanted]
        new = [name for name in new if f"{kind} {name}" not in self._said]
        self._said.update(f"{kind} {name}" for name in new)
        return [f"task {name!r} {text}" for name in new]

    def facts(self) -> dict[str, dict[str, Any]]:
        """Per task: "relative", validation loss over its first; "best", "best_step"; "share" of supervised tokens."""
        share = self._seen / max(int(self._seen.sum()), 1)
        columns = {
            "relative": finite_or_none(self._latest / self._first),
            "best": finite_or_none(self._best),
            "best_step": self._best_step.tolist(),
            "share": share.tolist(),
        }
        return {name: {key: values[index] for key, values in columns.items()} for index, name in enumerate(self._names)}

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "losses": [finite_or_none(values) for values in (self._first, self._best, self._latest)],
            "counts": [
                values.tolist() for values in (self._best_step, self._rising, self._standing, self._starved, self._seen)
            ],
            "said": sorted(self._said),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self._first, self._best, self._latest = (nan_for_none(values) for values in state["losses"])
        counts = (np.array(values, np.int64) for values in state["counts"])
        self._best_step, self._rising, self._standing, self._starved, self._seen = counts
        self._said = set(state["said"])
