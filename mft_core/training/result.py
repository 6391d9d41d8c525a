"""How a training ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        step: optimizer steps done.
        selected: the step whose weights the model now has.
        reason: "done", "stopped early", "forgetting" (stopped by `train.max_forgetting`) or "interrupted".
        exit_code: 0, 130 or 143.
    """

    step: int
    selected: int
    reason: str
    exit_code: int
