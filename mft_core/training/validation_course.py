"""What the evaluations of one training say: how the tasks stand, who needs a word, which step is the best so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from mft_core.recipe.schema import TrainSection
from mft_core.records import TaskCounts, TaskLosses
from mft_core.training.balance import BalanceWarning, BalanceWatch
from mft_core.training.forgetting import Forgetting, ForgettingWarning
from mft_core.training.selection import Selection, mean_over_tasks

Emit = Callable[..., None]


class ValidationCourse:
    """Follows the validation losses of one training, and says what they show.

    Args:
        counts: of the tasks that are trained.
        settings: [train] of the recipe: which rule ends the training, how far watched tasks may lose.
        emit: writes an event: its name and its fields.

    Attributes:
        selection: which step is the best.
        forgetting: how the watched tasks stand.
    """

    def __init__(self, counts: TaskCounts, settings: TrainSection, emit: Emit) -> None:
        self.selection = Selection(settings.stop, settings.patience)
        self.forgetting = Forgetting(settings.max_forgetting, settings.on_forgetting)
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
        forgotten = self.forgetting.after_evaluation(step, watched.get("watched", {}))
        self._warn([forgotten] if forgotten else [])
        if self.forgetting.exceeded:
            return True  # such a model is never the best
        return bool(step) and self.selection.observe(step, total, of_tasks)

    @property
    def ranked(self) -> list[int]:
        """Steps whose model may be the result, the best first; []: the one that training ends with is."""
        best = self.selection.ranked if self.selection.rule != "none" else []
        within = reversed(self.forgetting.within) if self.forgetting.exceeded else ()
        return list(dict.fromkeys((*best, *within)))

    def kept(self, task_bests: bool) -> set[int]:
        """Steps whose checkpoints must stay; with `task_bests` the best of every task too."""
        return self.selection.kept(task_bests) | self.forgetting.kept()

    @property
    def needs_models(self) -> bool:
        """Whether every evaluated model may be the result, should that of a better one be damaged."""
        return self.selection.rule != "none" or self.forgetting.stops

    @property
    def ending(self) -> str:
        """Of a run that is to stop: the reason, as of `TrainingResult`."""
        return "forgetting" if self.forgetting.exceeded else "stopped early"

    def step_taken(self, weights: np.ndarray, tokens: np.ndarray, left: Collection[str] = ()) -> None:
        """Take in a step's task weights and supervised tokens, [N]; `left`: tasks that are not to be trained."""
        self._balance.left = frozenset(left)
        self._warn(self._balance.after_step(weights, tokens))

    def _warn(self, warnings: Sequence[BalanceWarning | ForgettingWarning]) -> None:
        for warning in warnings:
            self._emit("warning", **warning._asdict())

    def state_dict(self) -> dict[str, Any]:
        """JSON values: "selection", "balance" and "forgetting"."""
        return {
            "selection": self.selection.state_dict(),
            "balance": self._balance.state_dict(),
            "forgetting": self.forgetting.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.selection.load_state_dict(state["selection"])
        self._balance.load_state_dict(state["balance"])
        self.forgetting.load_state_dict(state["forgetting"])
