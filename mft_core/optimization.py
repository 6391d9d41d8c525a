"""Optimizer, learning-rate schedule, and their tensors by parameter name."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from mft_core.recipe import TrainSection


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


def trainable_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Trainable parameters by name, on the CPU; names are those of the unwrapped model."""
    return {
        name.removeprefix("module."): parameter.detach().cpu()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def load_trainable(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put saved trainable parameters back; names must match exactly."""
    parameters = {
        name.removeprefix("module."): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    if parameters.keys() != tensors.keys():
        raise ValueError(f"parameters differ: {sorted(parameters.keys() ^ tensors.keys())[:5]}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's state as "parameter name|state name" -> tensor, on the CPU."""
    return {
        f"{name.removeprefix('module.')}|{key}": value.detach().cpu()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, torch.Tensor)
    }


def load_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put a saved optimizer state back."""
    parameters = {name.removeprefix("module."): parameter for name, parameter in model.named_parameters()}
    for full_name, tensor in tensors.items():
        name, key = full_name.rsplit("|", 1)
        parameter = parameters[name]
        device = torch.device("cpu") if key == "step" else parameter.device
        optimizer.state[parameter][key] = tensor.to(device)
