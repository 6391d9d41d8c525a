"""The learning rate of every step."""

from __future__ import annotations

import math

from mft_core.recipe.schema import TrainSection


def learning_rate(step: int, total_steps: int, settings: TrainSection) -> float:
    """Learning rate of the step with index `step` (from 0): linear warm-up, then the schedule to its minimum."""
    warmup = math.ceil(settings.warmup * total_steps) if settings.schedule != "constant" else 0
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    if settings.schedule == "constant":
        return settings.learning_rate
    progress = min(1.0, (step - warmup) / max(1, total_steps - 1 - warmup))
    share = 0.5 * (1 + math.cos(math.pi * progress)) if settings.schedule == "cosine" else 1 - progress
    floor = min(settings.min_learning_rate, settings.learning_rate)
    return floor + (settings.learning_rate - floor) * share
