"""Model selection: when to stop, and which checkpoint is the result (MFTCoder, section 3.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

StopRule = Literal["none", "paper", "patience"]
PAPER_PATIENCE = 2


def mean_over_tasks(losses: np.ndarray, measured: np.ndarray, importance: np.ndarray) -> float:
    """Equation (1) on validation data, float64 [N] thrice; NaN where nothing is measured.

    Tasks without validation data are left out. One whose loss is not finite makes the mean NaN: left out too, a task
    that was lost would let the mean fall.
    """
    shares = np.where(measured, importance, 0.0)
    known = shares.any() and np.isfinite(losses[measured]).all()
    return float(np.nansum(losses * shares) / shares.sum()) if known else float("nan")


@dataclass(slots=True)
class Selection:
    """Follows validation losses from one evaluation to the next.

    The paper stops when two consecutive validation losses lie above the one before them, and takes that one, the
    third from last; at the end of training it takes the lowest. Without ties this is early stopping with a patience
    of two evaluations and the best checkpoint. The evaluation of the untrained model (step 0) does not count.

    Args:
        rule: "none" never stops; "paper"; "patience" stops after `patience` evaluations without a new lowest loss.
        patience: for "patience".

    Attributes:
        best: step of the lowest mean loss over tasks; None before the first evaluation.
        best_per_task: step of the lowest loss of each task.
    """

    rule: StopRule = "none"
    patience: int = PAPER_PATIENCE
    best: int | None = None
    best_per_task: dict[str, int] = field(default_factory=dict)
    _evaluated: dict[int, float] = field(default_factory=dict)
    _lowest: float = float("inf")
    _lowest_per_task: dict[str, float] = field(default_factory=dict)
    _since_best: int = 0

    def observe(self, step: int, loss: float, tasks: Mapping[str, float]) -> bool:
        """Take in one evaluation.

        Args:
            step: optimizer steps done.
            loss: mean over tasks; where it is not finite, this evaluation is the best for no task either.
            tasks: each task's loss.

        Returns:
            Whether to stop now.
        """
        finite = math.isfinite(loss)
        if finite:
            self._evaluated[step] = loss
        for name, value in tasks.items() if finite else ():
            if value < self._lowest_per_task.get(name, float("inf")):
                self._lowest_per_task[name] = value
                self.best_per_task[name] = step
        if finite and loss < self._lowest:
            self.best, self._lowest, self._since_best = step, loss, 0
        else:
            self._since_best += 1
        allowed = PAPER_PATIENCE if self.rule == "paper" else self.patience
        return self.rule != "none" and self.best is not None and self._since_best >= allowed

    @property
    def ranked(self) -> list[int]:
        """Steps whose mean loss is finite, the best first."""
        return sorted(self._evaluated, key=lambda step: (self._evaluated[step], step))

    def kept(self, task_bests: bool = False) -> set[int]:
        """Steps whose checkpoints must stay: the best one, and with `task_bests` the best of every task."""
        best = set() if self.best is None else {self.best}
        return best | set(self.best_per_task.values()) if task_bests else best

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "best": self.best,
            "best_per_task": self.best_per_task,
            "evaluated": list(self._evaluated.items()),
            "lowest": self._lowest if self.best is not None else None,
            "lowest_per_task": self._lowest_per_task,
            "since_best": self._since_best,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.best = state["best"]
        self.best_per_task = dict(state["best_per_task"])
        self._lowest = float("inf") if state["lowest"] is None else state["lowest"]
        # A checkpoint from before all evaluations were written down knows the best one.
        only_best = [] if self.best is None else [(self.best, self._lowest)]
        self._evaluated = dict(state.get("evaluated", only_best))
        self._lowest_per_task = dict(state["lowest_per_task"])
        self._since_best = state["since_best"]
