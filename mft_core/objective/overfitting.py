"""Which task overfits first: the idea of mSFT (arXiv 2603.21606), for `exclude = "overfit"` of every loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mft_core.objective.decision import GO_ON, Decision
from mft_core.objective.running_mean import finite_or_none, nan_for_none

SMALLEST_NOISE = 0.005
RISES_OF_NOISE = 2


class Overfitting:
    """Follows every task's validation loss, and decides that the one which turned up first leaves.

    A task has turned up when its lowest loss lies `patience` evaluations back or more, and the latest lies above it by
    more than its noise. A loss that falls on the whole and rises now and then shows its noise by these rises: it is
    twice the mean rise from one evaluation to the next up to the lowest one, and at least 0.5% of the loss. Of several
    tasks the one whose lowest loss was first has turned up first, then the one that rose most.

    Args:
        names: the tasks, in task-id order.
        patience: evaluations.
    """

    def __init__(self, names: tuple[str, ...], patience: int) -> None:
        tasks = len(names)
        self._names = names
        self._patience = patience
        self._lowest = np.full(tasks, np.nan)
        self._latest = np.full(tasks, np.nan)
        self._rises = np.zeros(tasks)
        self._rises_to_lowest = np.zeros(tasks)
        self._lowest_step = np.zeros(tasks, np.int64)
        self._since_lowest = np.zeros(tasks, np.int64)
        self._seen = np.zeros(tasks, np.int64)
        self._seen_to_lowest = np.zeros(tasks, np.int64)

    def after_evaluation(self, step: int, losses: np.ndarray, left_out: np.ndarray) -> Decision:
        """Take in one evaluation.

        Args:
            step: optimizer steps done.
            losses: float64 [N]; what is not finite says nothing of its task.
            left_out: bool [N], who has left; at most N - 1 do.
        """
        self._observe(step, losses)
        turned = self._turned_up() & np.isfinite(losses) & ~left_out
        if not turned.any() or len(left_out) - left_out.sum() < 2:
            return GO_ON
        rise = self._latest / self._lowest
        first = min(
            np.flatnonzero(turned).tolist(), key=lambda task: (self._lowest_step[task], -rise[task], self._names[task])
        )
        return Decision(leave_out=(first,), back_to=int(self._lowest_step[first]))

    def _observe(self, step: int, losses: np.ndarray) -> None:
        known = np.isfinite(losses)
        again = known & np.isfinite(self._latest)
        self._rises += np.where(again, np.maximum(losses / np.where(again, self._latest, 1.0) - 1, 0.0), 0.0)
        self._seen += again
        better = known & ~(losses >= self._lowest)
        self._since_lowest = np.where(better, 0, self._since_lowest + known)
        self._lowest = np.where(better, losses, self._lowest)
        self._lowest_step = np.where(better, step, self._lowest_step)
        self._rises_to_lowest = np.where(better, self._rises, self._rises_to_lowest)
        self._seen_to_lowest = np.where(better, self._seen, self._seen_to_lowest)
        self._latest = np.where(known, losses, self._latest)

    def _turned_up(self) -> np.ndarray:
        """bool [N]."""
        mean_rise = self._rises_to_lowest / np.maximum(self._seen_to_lowest, 1)
        noise = np.maximum(RISES_OF_NOISE * mean_rise, SMALLEST_NOISE)
        return (self._since_lowest >= self._patience) & (self._latest > self._lowest * (1 + noise))

    def lowest_steps(self, left_out: np.ndarray) -> set[int]:
        """Steps of the lowest losses of the tasks that have not left."""
        return set(self._lowest_step[np.isfinite(self._lowest) & ~left_out].tolist())

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "losses": [finite_or_none(values) for values in (self._lowest, self._latest)],
            "rises": [self._rises.tolist(), self._rises_to_lowest.tolist()],
            "counts": [values.tolist() for values in self._counts()],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self._lowest, self._latest = (nan_for_none(values) for values in state["losses"])
        self._rises, self._rises_to_lowest = (np.array(values, np.float64) for values in state["rises"])
        counts = (np.array(values, np.int64) for values in state["counts"])
        self._lowest_step, self._since_lowest, self._seen, self._seen_to_lowest = counts

    def _counts(self) -> tuple[np.ndarray, ...]:
        return self._lowest_step, self._since_lowest, self._seen, self._seen_to_lowest
