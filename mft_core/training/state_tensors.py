"""Trained parameters and the optimizer's state as whole tensors by parameter name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from mft_core.training.sharding import own_parameters, placed_like, whole


def trainable_tensors(model: nn.Module, keep: bool = True) -> dict[str, torch.Tensor]:
    """Trainable parameters by name, whole, on the CPU; names are those of the unwrapped model.

    Args:
        keep: False on ranks that only help to gather a sharded model; they get nothing.
    """
    return _gathered(((name, parameter.detach()) for name, parameter in _trainable(model).items()), keep)


def every_tensor(model: nn.Module, keep: bool = True) -> dict[str, torch.Tensor]:
    """All parameters, as `trainable_tensors` gives those that are trained."""
    named = ((name.removeprefix("module."), parameter.detach()) for name, parameter in own_parameters(model))
    return _gathered(named, keep)


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
    """Put a saved optimizer state back, in place of whatever it has gathered."""
    parameters = _trainable(model)
    optimizer.state.clear()
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
