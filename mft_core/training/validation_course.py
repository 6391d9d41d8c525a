"""What the evaluations of one training say: how the tasks stand, who needs a word, which step is the best so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mft_core.records import TaskCounts, TaskLosses
from mft_core.training.balance import BalanceWarning, BalanceWatch
from mft_core.training.selection import Selection, StopRule, mean_over_tasks

Emit = Callable[..., None]


class ValidationCourse:
    """Follows the validation losses of one training, and says what they show.

    Args:
        counts: of the tasks that are trained.
        stop: which rule ends the training.
        patience: of that rule.
        emit: writes an event: its name and its fields.

    Attributes:
        selection: which step is the best.
    """

    def __init__(self, counts: TaskCounts, stop: StopRule, patience: int, emit: Emit) -> None:
        self.selection = Selection(stop, patience)
        self._counts = counts
        self._balance = BalanceWatch(counts.names)
        self._emit = emit

    def evaluated(self, step: int, losses: TaskLosses, watched: Mapping[str, Any]) -> bool:
        """Take in the losses of all validation data when `step` optimizer steps are done.

        Args:
            watched: fields of the event about tasks that are only measured.

        Returns:
            Whether to stop now.
        """
        means, measured = losses.mean(), losses.tokens > 0
        total = mean_over_tasks(means, measured, self._counts.importance)
        tasks = losses.by_name(self._counts.names)
        self._emit("eval", loss=total, tasks=tasks, **watched)
        self._warn(self._balance.after_evaluation(step, means, measured))
        self._emit("balance", tasks=self._balance.facts())
        of_tasks = {name: task["loss"] for name, task in tasks.items()}
        return bool(step) and self.selection.observe(step, total, of_tasks)

    def step_taken(self, weights: np.ndarray, tokens: np.ndarray) -> None:
        """Take in a step's task weights and supervised tokens, [N]."""
        self._warn(self._balance.after_step(weights, tokens))

    def _warn(self, warnings: list[BalanceWarning]) -> None:
        for warning in warnings:
            self._emit("warning", **warning._asdict())

    def state_dict(self) -> dict[str, Any]:
        """JSON values: "selection" and "balance"."""
        return {"selection": self.selection.state_dict(), "balance": self._balance.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.selection.load_state_dict(state["selection"])
        self._balance.load_state_dict(state["balance"])
