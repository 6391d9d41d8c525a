"""A run's events as arrays over time, for drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class History:
    """N tasks, T "train" and E "eval" events; NaN where nothing was measured.

    Attributes:
        tasks: the N names; of tasks that are only measured, with a remark.
        steps: int64 [T], optimizer steps of the "train" events.
        loss: float64 [T, N], training loss since the event before, nats per supervised token.
        tokens: float64 [T, N], supervised tokens behind `loss`.
        weight: float64 [T, N], task weights.
        run: name -> float64 [T]: "learning_rate", "gradient_norm", "tokens_per_second".
        eval_steps: int64 [E].
        eval_loss: float64 [E, N], validation loss, nats per supervised token.
        decisions: the steps from which on tasks were left out, or that the run went back to, each with what to call it.
    """

    tasks: tuple[str, ...]
    steps: np.ndarray
    loss: np.ndarray
    tokens: np.ndarray
    weight: np.ndarray
    run: Mapping[str, np.ndarray]
    eval_steps: np.ndarray
    eval_loss: np.ndarray
    decisions: tuple[tuple[int, str], ...] = ()

    @property
    def relative(self) -> np.ndarray:
        """float64 [E, N]: validation loss over that of the first evaluation."""
        if not len(self.eval_loss):
            return self.eval_loss
        first = self.eval_loss[:1]
        return np.divide(self.eval_loss, first, out=np.full_like(self.eval_loss, np.nan), where=first > 0)

    @property
    def equal_weight(self) -> float | None:
        """What each task would weigh if all weighed the same; watched tasks have no weight. None: no task has."""
        weighed = int((~np.isnan(self.weight)).any(axis=0).sum())
        return 1 / weighed if weighed else None

    def smoothed(self, half_life: float) -> np.ndarray:
        """float64 [T, N]: mean training loss of the tokens so far, those `half_life` steps ago counting half.

        A trailing mean: it never looks ahead, and starts at the first value, not at zero. A task without
        tokens in an event keeps its value; before its first token it is NaN.
        """
        result = np.full_like(self.loss, np.nan)
        total = np.zeros(len(self.tasks))
        count = np.zeros(len(self.tasks))
        tokens = np.where(np.isnan(self.loss), 0.0, self.tokens)
        gaps = np.diff(self.steps, prepend=self.steps[:1])
        for index, gap in enumerate(gaps):
            decay = 0.5 ** (gap / half_life)
            total = total * decay + np.nan_to_num(self.loss[index]) * tokens[index]
            count = count * decay + tokens[index]
            np.divide(total, count, out=result[index], where=count > 0)
        return result


def half_life_of(steps: int) -> int:
    """Optimizer steps after which a training loss counts half in the smoothed ones of a run of so many."""
    return max(1, round(steps / 50))


def history(tasks: Sequence[str], events: Sequence[Mapping[str, Any]], watched: Sequence[str] = ()) -> History:
    """The arrays of `events` (oldest first); of two evaluations of one step the later counts.

    Args:
        watched: tasks that are only measured, behind the others.
    """
    shown = (*tasks, *(f"{name} (watched)" for name in watched))
    tasks = (*tasks, *watched)
    train = [event for event in events if event["event"] == "train"]
    evals = list({event["step"]: event for event in events if event["event"] == "eval"}.values())
    names = ("learning_rate", "gradient_norm", "tokens_per_second")
    return History(
        tasks=shown,
        steps=np.array([event["step"] for event in train], np.int64),
        loss=_per_task(train, tasks, "loss"),
        tokens=np.nan_to_num(_per_task(train, tasks, "tokens")),
        weight=_per_task(train, tasks, "weight"),
        run={name: np.array([_number(event.get(name)) for event in train]) for name in names},
        eval_steps=np.array([event["step"] for event in evals], np.int64),
        eval_loss=_per_task(evals, tasks, "loss"),
        decisions=tuple(_decision(event) for event in events if event["event"] == "decision"),
    )


def _decision(event: Mapping[str, Any]) -> tuple[int, str]:
    names = ", ".join(event["left_out"])
    return event["step"], f"without {names}" if names else f"back from {event['from_step']}"


def _per_task(events: Sequence[Mapping[str, Any]], tasks: Sequence[str], key: str) -> np.ndarray:
    known = [{**event.get("watched", {}), **event.get("tasks", {})} for event in events]
    rows = [[_number(measured.get(task, {}).get(key)) for task in tasks] for measured in known]
    return np.array(rows, np.float64).reshape(len(events), len(tasks))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
