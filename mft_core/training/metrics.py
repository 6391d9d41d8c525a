"""What happened since the last log line: per-task losses, weights, speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mft_core.records import TaskLosses


@dataclass(frozen=True, slots=True)
class Spent:
    """What optimizer steps took.

    Attributes:
        seconds: of their data, passes, updates and probes.
        tokens: that they trained on, without padding, over all ranks.
    """

    seconds: float = 0.0
    tokens: int = 0


class Meter:
    """Sums over the optimizer steps since the last train event.

    Args:
        names: the tasks, in task-id order.

    Attributes:
        spent: of all steps so far, those that were given up too.
        steps: in the open window.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._weights = np.zeros(len(names))
        self._gradient_norm = 0.0
        self._learning_rate = 0.0
        self.spent = Spent()
        self._clear()

    def _clear(self) -> None:
        self._losses = TaskLosses.zeros(len(self._names))
        self._real_tokens = 0
        self._seconds = 0.0
        self.steps = 0

    def add(self, losses: TaskLosses, real_tokens: int) -> None:
        """One step's training losses and non-padding tokens, over all ranks."""
        self._losses = self._losses + losses
        self._real_tokens += real_tokens
        self.spent = replace(self.spent, tokens=self.spent.tokens + real_tokens)

    def end_step(self, seconds: float, gradient_norm: float, learning_rate: float, weights: np.ndarray) -> None:
        """One step's time (data, forward, backward, update, probe) and settings."""
        self.steps += 1
        self._seconds += seconds
        self.spent = replace(self.spent, seconds=self.spent.seconds + seconds)
        self._gradient_norm = gradient_norm
        self._learning_rate = learning_rate
        self._weights = weights

    def flush(self) -> dict[str, Any]:
        """The fields of a train event; starts a new window.

        `loss` is the weighted mean of the window's task means, over the tasks that occurred in it.
        """
        means = self._losses.mean()
        present = np.where(self._losses.tokens > 0, self._weights, 0.0)
        loss = float(np.nansum(means * present) / present.sum()) if present.any() else float("nan")
        tasks = {
            name: {
                "loss": float(means[index]),
                "weight": float(self._weights[index]),
                "tokens": int(self._losses.tokens[index]),
            }
            for index, name in enumerate(self._names)
        }
        fields = {
            "loss": loss,
            "tokens_per_second": round(self._real_tokens / max(self._seconds, 1e-9), 1),
            "learning_rate": self._learning_rate,
            "gradient_norm": self._gradient_norm,
            "seconds": round(self.spent.seconds, 3),
            "tasks": tasks,
        }
        self._clear()
        return fields

    def state_dict(self) -> dict[str, Any]:
        """The open window, so that a resumed run logs what an uninterrupted one would."""
        return {
            "losses": self._losses.as_json(),
            "real_tokens": self._real_tokens,
            "seconds": self._seconds,
            "steps": self.steps,
            "total_seconds": self.spent.seconds,
            "total_tokens": self.spent.tokens,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self._losses = TaskLosses.from_json(state["losses"])
        self._real_tokens = state["real_tokens"]
        self._seconds = state["seconds"]
        self.steps = state["steps"]
        self.spent = Spent(state["total_seconds"], state["total_tokens"])
