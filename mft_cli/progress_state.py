"""What is known of a run while it goes: its events folded into one value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mft_core.events import Event


def number(value: Any) -> float | None:
    """`value`, or None where it is no finite number: a mean over nothing is NaN."""
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class TaskState:
    """Last known numbers of one task; None: not measured yet."""

    loss: float | None = None
    weight: float | None = None
    tokens: int = 0
    validation: float | None = None

    def trained(self, values: Mapping[str, Any]) -> TaskState:
        """After a "train" event; a task that was absent from it keeps its loss."""
        loss = number(values.get("loss"))
        return replace(
            self,
            loss=self.loss if loss is None else loss,
            weight=values.get("weight", self.weight),
            tokens=self.tokens + (values.get("tokens") or 0),
        )


@dataclass(frozen=True, slots=True)
class Clock:
    """Time left, from the steps this process has done since `time`; a resumed run starts with no past.

    Attributes:
        step, time: where counting began: the start of training or where it was resumed, or the evaluation before its
            first step.
        steps: planned optimizer steps.
    """

    step: int
    time: float
    steps: int

    def left(self, step: int, now: float) -> float | None:
        """Seconds left at `step`; None before the first step."""
        if step <= self.step:
            return None
        return (now - self.time) / (step - self.step) * max(0, self.steps - step)


@dataclass(frozen=True, slots=True)
class State:
    """Everything shown. Replaced as a whole, never changed: the display reads it from a thread of its own."""

    clock: Clock | None = None
    step: int = 0
    numbers: Mapping[str, Any] = field(default_factory=dict)
    tasks: Mapping[str, TaskState] = field(default_factory=dict)

    def after(self, event: Event, now: float) -> State:
        """The state once `event` has happened at `now` (seconds of a monotonic clock)."""
        state = replace(self, step=event.step, clock=self._clock_after(event, now))
        tasks: Mapping[str, Mapping[str, Any]] = event.data.get("tasks", {})
        if event.name == "start":
            return replace(state, tasks=dict.fromkeys(tasks, TaskState()))
        known = {name: self.tasks.get(name, TaskState()) for name in tasks}
        if event.name == "train":
            changed = {name: task.trained(tasks[name]) for name, task in known.items()}
            return replace(state, numbers=dict(event.data), tasks={**self.tasks, **changed})
        if event.name == "eval":
            changed = {name: replace(task, validation=number(tasks[name].get("loss"))) for name, task in known.items()}
            return replace(state, tasks={**self.tasks, **changed})
        return state

    def _clock_after(self, event: Event, now: float) -> Clock | None:
        clock = self.clock
        if event.data.get("steps") is not None and clock is None:
            return Clock(event.step, now, event.data["steps"])
        if clock is not None and event.name == "decision":
            return Clock(event.step, now, clock.steps)
        if clock is not None and event.name == "eval" and event.step == clock.step:
            return replace(clock, time=now)  # the first steps must not pay for the evaluation before them
        return clock
