"""Optimizer and learning-rate schedule."""

from __future__ import annotations

import math

import torch
from torch import nn

from mft_core.recipe.schema import TrainSection


def build_optimizer(model: nn.Module, settings: TrainSection) -> torch.optim.Optimizer:
    """AdamW or plain SGD over the trainable parameters; one-dimensional ones (norms, biases) are not decayed."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.95))


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
