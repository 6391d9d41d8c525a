"""Trained parameters and the optimizer's state by parameter name, as whole tensors or as each rank has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from mft_core.training.sharded_files import placed
from mft_core.training.sharding import own_parameters, whole

STEP = "step"
"""torch's name of the count of steps, a tensor of no dimension that is never spread over ranks."""


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
            parameter.copy_(placed(tensors, name, parameter))


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer, keep: bool = True) -> dict[str, torch.Tensor]:
    """The optimizer's state as "parameter name|state name" -> whole tensor, on the CPU; `keep` as above."""
    states = ((name, value.detach()) for name, value in _states(model, optimizer) if isinstance(value, torch.Tensor))
    return _gathered(states, keep)


def tensor_parts(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, dict[str, torch.Tensor]]:
    """What `trainable_tensors` ("model") and `optimizer_tensors` ("optimizer") give, as this rank holds it: neither
    gathered nor copied."""
    states = ((name, value.detach()) for name, value in _states(model, optimizer) if isinstance(value, torch.Tensor))
    trained = {name: parameter.detach() for name, parameter in _trainable(model).items()}
    return {"model": trained, "optimizer": dict(states)}


def optimizer_numbers(
    model: nn.Module, optimizer: torch.optim.Optimizer, group_state: Sequence[str] = ()
) -> dict[str, Any]:
    """What the optimizer knows beside tensors, as JSON values: numbers by the same names, and those of its groups.

    Args:
        group_state: the keys of its groups that its steps change.
    """
    numbers = {name: value for name, value in _states(model, optimizer) if isinstance(value, int | float)}
    return {"states": numbers, "groups": [{key: group[key] for key in group_state} for group in optimizer.param_groups]}


def load_optimizer(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    tensors: Mapping[str, torch.Tensor],
    numbers: Mapping[str, Any] | None = None,
) -> None:
    """Put a saved optimizer state back, in place of whatever it has gathered.

    Args:
        numbers: of `optimizer_numbers`; None: there are none.
    """
    parameters = _trainable(model)
    fused = {id(each) for group in optimizer.param_groups if group.get("fused") for each in group["params"]}
    optimizer.state.clear()
    for full_name in tensors:
        name, key = full_name.rsplit("|", 1)
        parameter = parameters[name]
        if key != STEP:
            tensor = placed(tensors, full_name, parameter)
        else:  # torch counts on the processor unless it is fused
            tensor = tensors[full_name].to(parameter.device if id(parameter) in fused else "cpu")
        optimizer.state[parameter][key] = tensor
    for full_name, number in (numbers or {}).get("states", {}).items():
        name, key = full_name.rsplit("|", 1)
        optimizer.state[parameters[name]][key] = number
    for group, changed in zip(optimizer.param_groups, (numbers or {}).get("groups", ()), strict=False):
        group.update(changed)


def _states(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Any]]:
    """All that the optimizer keeps for parameters, as "parameter name|state name" and value."""
    for name, parameter in _trainable(model).items():
        for key, value in optimizer.state.get(parameter, {}).items():
            yield f"{name}|{key}", value


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    named = own_parameters(model)
    return {name.removeprefix("module."): parameter for name, parameter in named if parameter.requires_grad}


def _gathered(named: Iterable[tuple[str, torch.Tensor]], keep: bool) -> dict[str, torch.Tensor]:
    """One tensor after the other, so that no rank ever has more than one whole tensor on its device."""
    gathered: dict[str, torch.Tensor] = {}
    shared: set[int] = set()
    for name, tensor in named:
        full = whole(tensor)
        if keep:
            copy = full.cpu()
            # bitsandbytes has one table for all parameters; a file of tensors holds each of its own.
            gathered[name] = copy.clone() if copy.data_ptr() in shared else copy
            shared.add(copy.data_ptr())
    return gathered
