"""Optimizer, learning-rate schedule, and their tensors by parameter name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import nn

from mft_core.recipe import TrainSection
from mft_core.sharding import own_parameters, placed_like, whole


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


def trainable_tensors(model: nn.Module, keep: bool = True) -> dict[str, torch.Tensor]:
    """Trainable parameters by name, whole, on the CPU; names are those of the unwrapped model.

    Args:
        keep: False on ranks that only help to gather a sharded model; they get nothing.
    """
    return _gathered(((name, parameter.detach()) for name, parameter in _trainable(model).items()), keep)


def load_trainable(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put saved trainable parameters back; names must match exactly."""
    parameters = _trainable(model)
    if parameters.keys() != tensors.keys():
        raise ValueError(f"parameters differ: {sorted(parameters.keys() ^ tensors.keys())[:5]}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(placed_like(tensors[name], parameter))


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer, keep: bool = True) -> dict[str, torch.Tensor]:
    """The optimizer's state as "parameter name|state name" -> whole tensor, on the CPU; `keep` as above."""
    states = (
        (f"{name}|{key}", value.detach())
        for name, parameter in _trainable(model).items()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, torch.Tensor)
    )
    return _gathered(states, keep)


def load_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put a saved optimizer state back."""
    parameters = _trainable(model)
    for full_name, tensor in tensors.items():
        name, key = full_name.rsplit("|", 1)
        # The count of steps is a scalar that stays on the CPU.
        optimizer.state[parameters[name]][key] = tensor if key == "step" else placed_like(tensor, parameters[name])


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    named = own_parameters(model)
    return {name.removeprefix("module."): parameter for name, parameter in named if parameter.requires_grad}


def _gathered(named: Iterable[tuple[str, torch.Tensor]], keep: bool) -> dict[str, torch.Tensor]:
    """One tensor after the other, so that no rank ever has more than one whole tensor on its device."""
    gathered = {}
    for name, tensor in named:
        full = whole(tensor)
        if keep:
            gathered[name] = full.cpu()
    return gathered
