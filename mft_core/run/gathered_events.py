"""A run's events, put together in one pass over them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class GatheredEvents:
    """What is kept of a run's events.

    Attributes:
        step: the furthest optimizer step of an event.
        start, end, train: the fields of the latest event of the name; empty: there was none.
        steps: optimizer steps planned; None: no event says so.
        evaluations: "eval" events by step; of a step that was measured twice, the later one.
        seen: by task, the supervised tokens trained on.
        weights: by task, the weight that was logged last.
        others: events of all other names, by name, oldest first.
    """

    step: int = 0
    start: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] = field(default_factory=dict)
    steps: int | None = None
    train: dict[str, Any] = field(default_factory=dict)
    evaluations: dict[int, dict[str, Any]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    others: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, event: dict[str, Any]) -> None:
        """Take up the next event."""
        name = event["event"]
        self.step = max(self.step, event["step"])
        self.steps = event.get("steps", self.steps)
        if name == "start":
            self.start = event
        elif name == "end":
            self.end = event
        elif name == "train":
            self._add_train(event)
        elif name == "eval":
            self.evaluations[event["step"]] = event
        else:
            self.others.setdefault(name, []).append(event)

    def _add_train(self, event: dict[str, Any]) -> None:
        self.train = event
        for task, values in event.get("tasks", {}).items():
            self.seen[task] = self.seen.get(task, 0) + (values.get("tokens") or 0)
            if values.get("weight") is not None:
                self.weights[task] = values["weight"]

    def names(self, part: str) -> list[str]:
        """Tasks in the run's order, "tasks" or "watched"; those of a log without a start event as they turn up."""
        known = dict.fromkeys(self.start.get(part, {}))
        for event in (*self.evaluations.values(), self.train):
            known.update(dict.fromkeys(event.get(part, {})))
        return list(known)
