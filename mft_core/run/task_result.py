"""One task of a run before and after training, and whether the difference says anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task before and after training.

    Attributes:
        name: the task.
        data: its counts as the "start" event gives them: train, valid, tokens, supervised, dropped, ...
        before: validation loss at the first evaluation, nats per token; None: not measured.
        after: validation loss of the finished model, else at the last evaluation of a later step; None: there was none.
        best: lowest validation loss of all evaluations.
        best_step: optimizer step of `best`.
        weight: the task's weight in the objective when last logged.
        seen: supervised tokens of this task trained on.
        share: `seen` over the sum of all tasks; None before the first logged step.
        tokens: supervised tokens behind `before` and `after`; None: not recorded.
    """

    name: str
    data: Mapping[str, Any]
    before: float | None
    after: float | None
    best: float | None
    best_step: int | None
    weight: float | None
    seen: int
    share: float | None
    tokens: int | None = None

    @property
    def noise(self) -> float:
        """The largest relative change that says nothing: 1 / sqrt(tokens); 0 where the tokens are not recorded.

        That is twice the standard error of the change, for token losses that spread as widely as their mean, and move
        together from before to after with a correlation of 7/8, since they are of the same tokens.
        """
        return relative_noise(self.tokens)

    @property
    def verdict(self) -> str:
        """ "improved" or "worse", where the loss changed by more than `noise`, else "unclear"; "" if not measured."""
        if self.change is None:
            return ""
        if abs(self.change) <= self.noise:
            return "unclear"
        return "improved" if self.change < 0 else "worse"

    @property
    def change(self) -> float | None:
        """(after - before) / before; negative is better."""
        return relative_change(self.before, self.after)

    @property
    def perplexity(self) -> float | None:
        """exp of `after`, or of `before` where there is none."""
        latest = self.before if self.after is None else self.after
        return None if latest is None else math.exp(min(latest, 700.0))


def relative_noise(tokens: int | None) -> float:
    """As `TaskResult.noise`."""
    return 1 / math.sqrt(tokens) if tokens else 0.0


def relative_change(before: float | None, after: float | None) -> float | None:
    """(after - before) / before; None where either is missing or `before` is 0."""
    return (after - before) / before if before and after is not None else None
