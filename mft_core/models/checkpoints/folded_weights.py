"""Weights that are computed from a raw parameter in every forward, such as a head whose rows are normalised.

Loading folds such a computation into the weight. Full fine-tuning trains the raw parameter, as the original code does,
so that gradients and optimizer steps are the original's; what is saved is folded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize


def train_raw(module: nn.Module, name: str, fold: nn.Module, raw: torch.Tensor) -> None:
    """Make `module.NAME` be `fold(raw)` in every forward, with `raw` as the parameter that is trained.

    Args:
        module: changed in place, such as a head.
        name: of its parameter, such as "weight".
        fold: computes the weight; has a `right_inverse`.
        raw: takes the dtype and device of the parameter.
    """
    parametrize.register_parametrization(module, name, fold)
    original: Any = module.parametrizations[name].original  # type: ignore[index, union-attr]
    with torch.no_grad():
        original.copy_(raw)


def folded_tensors(model: nn.Module, tensors: Mapping[str, torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
    """The model's tensors by the names they have where nothing is trained raw.

    Args:
        tensors: the trained tensors by name, whole, where the model's own are sharded; None: the model's own.
    """
    found = dict(model.state_dict() if tensors is None else tensors)
    for path, module in model.named_modules():
        if not parametrize.is_parametrized(module):
            continue
        for name, folds in module.parametrizations.items():
            weight = found.pop(f"{path}.parametrizations.{name}.original")
            for fold in folds:
                weight = fold(weight)
            found[f"{path}.{name}"] = weight.detach()
    return found
