"""Which tasks are trained: those that have not left."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from mft_core.objective.loss import Loss


class Mixture:
    """Takes the weight of the tasks that have left, whatever the loss makes of their losses.

    Args:
        loss: started; its `left_out` is kept up to date.
    """

    def __init__(self, loss: Loss) -> None:
        self._loss = loss

    def weights(self) -> np.ndarray:
        """float64 [N], summing to 1: the loss's own, 0 for tasks that have left, in the same proportions else.

        Where the loss gives the others none, it is in proportion to `counts.importance`.
        """
        weights, left = self._loss.task_weights(), self._loss.left_out
        if not left.any():
            return weights
        kept = np.where(left, 0.0, weights)
        if not kept.sum() > 0:
            kept = np.where(left, 0.0, self._loss.counts.importance)
        return kept / kept.sum()

    @property
    def left(self) -> list[str]:
        """Names of the tasks that have left."""
        return [self._loss.counts.names[task] for task in np.flatnonzero(self._loss.left_out)]

    def new_leavers(self, tasks: Collection[int]) -> list[int]:
        """Those of `tasks` that have not left yet, ascending.

        Raises:
            ValueError: the loss names a task there is not.
        """
        unknown = [task for task in tasks if not 0 <= task < len(self._loss.left_out)]
        if unknown:
            raise ValueError(f"the loss leaves out task {unknown[0]} of {len(self._loss.left_out)}, counted from 0")
        return [task for task in sorted(set(tasks)) if not self._loss.left_out[task]]

    def may_leave(self, tasks: Sequence[int]) -> bool:
        """Whether anything is trained without `tasks`, who have not left yet."""
        return int(self._loss.left_out.sum()) + len(tasks) < len(self._loss.left_out)

    def leave(self, tasks: Sequence[int]) -> None:
        """Their weight is 0 from here on."""
        self._loss.left_out[list(tasks)] = True

    def state_dict(self) -> list[bool]:
        """Per task, whether it has left."""
        return self._loss.left_out.tolist()

    def load_state_dict(self, state: Sequence[bool]) -> None:
        """Take back what `state_dict` gave; of tasks that all have left none has: something must be trained."""
        left = np.array(state, bool)
        self._loss.left_out[:] = False if left.all() else left
