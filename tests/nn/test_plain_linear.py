"""Linear modules that can be computed from their tensors, and others that look like them."""

from __future__ import annotations

from types import MethodType
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from mft_core.nn.plain_linear import is_plain_linear, is_whole


class Doubled(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


class OnlyNamed(nn.Linear):
    """A subclass with the same forward."""


def replaced(module: nn.Linear) -> nn.Linear:
    module.forward = MethodType(lambda self, x: x, module)  # type: ignore[method-assign]
    return module


def hooked(module: nn.Linear, register: str, hook: Any) -> nn.Linear:
    getattr(module, register)(hook)
    return module


@pytest.mark.parametrize("kind", [nn.Linear, OnlyNamed])
def test_what_computes_as_a_linear_module_is_plain(kind: type[nn.Linear]) -> None:
    assert is_plain_linear(kind(3, 2))


def test_a_parametrised_weight_is_plain() -> None:
    module = nn.Linear(3, 2)
    parametrize.register_parametrization(module, "weight", nn.Tanh())
    assert is_plain_linear(module)
    states = torch.randn(4, 3)
    assert torch.equal(module(states), nn.functional.linear(states, module.weight, module.bias))


@pytest.mark.parametrize(
    "module",
    [
        Doubled(3, 2),
        replaced(nn.Linear(3, 2)),
        hooked(nn.Linear(3, 2), "register_forward_hook", lambda module, inputs, output: output),
        hooked(nn.Linear(3, 2), "register_forward_pre_hook", lambda module, inputs: None),
        hooked(nn.Linear(3, 2), "register_full_backward_hook", lambda module, inputs, outputs: None),
        nn.Identity(),
    ],
    ids=["another forward", "replaced", "hook", "pre-hook", "backward hook", "no linear module"],
)
def test_what_does_more_is_not(module: nn.Module) -> None:
    assert not is_plain_linear(module)


def test_a_tensor_of_another_kind_is_not_whole() -> None:
    class Quantised(torch.Tensor):
        pass

    assert is_whole(torch.ones(2))
    assert is_whole(nn.Parameter(torch.ones(2)))
    assert not is_whole(torch.ones(2).as_subclass(Quantised))
