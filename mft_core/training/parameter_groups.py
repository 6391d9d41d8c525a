"""The trained parameters in groups that are treated alike: decay, learning rate, embeddings and head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn
from transformers import PreTrainedModel

from mft_core.errors import UsageError
from mft_core.recipe.schema import TrainSection
from mft_core.support.lists import first_few
from mft_core.training.optimizer import RATE_FACTOR, ParameterGroup


def parameter_groups(model: nn.Module, settings: TrainSection) -> list[ParameterGroup]:
    """All parameters of `model` that require gradients, each in one group.

    Raises:
        UsageError: a key of `train.rate_factors` is in no parameter's name.
    """
    trained = {name: each for name, each in model.named_parameters() if each.requires_grad}
    _check_factors(settings.rate_factors, list(trained))
    vocabulary = set(_vocabulary(model))
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for name, parameter in trained.items():
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0
        key = (decay, _factor(name, settings.rate_factors), id(parameter) in vocabulary)
        groups.setdefault(key, []).append(parameter)
    return [ParameterGroup(parameters, *key) for key, parameters in groups.items()]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Have every group's next step at `rate` times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group[RATE_FACTOR]


def rate_of(optimizer: torch.optim.Optimizer) -> float:
    """The rate that `set_rate` was last given; before that, the recipe's."""
    group = optimizer.param_groups[0]
    return group["lr"] / group[RATE_FACTOR]


def _factor(name: str, factors: Mapping[str, float]) -> float:
    return next((factor for part, factor in factors.items() if part in name), 1.0)


def _check_factors(factors: Mapping[str, float], names: list[str]) -> None:
    for part in factors:
        if not any(part in name for name in names):
            raise UsageError(
                f"train.rate_factors: no trained parameter has {part!r} in its name.",
                f"There are: {first_few(sorted({_ending(name) for name in names}), 8)}.",
            )


def _ending(name: str) -> str:
    """The last parts of a parameter's name, which tell its kind."""
    return ".".join(name.split(".")[-4:])


def _vocabulary(model: nn.Module) -> Iterator[int]:
    """The ids of the weights of embeddings and heads."""
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            for end in (module.get_input_embeddings(), module.get_output_embeddings()):
                if end is not None:
                    yield from (id(parameter) for parameter in end.parameters())
