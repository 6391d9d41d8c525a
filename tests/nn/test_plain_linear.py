"""Linear modules that can be computed from their tensors, and others that look like them."""

from __future__ import annotations

from types import MethodType
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from mft_core.models.tiny_config import tiny_native_config
from mft_core.nn.plain_linear import input_width, is_plain_linear, is_whole, linear_modules, plain_matrix


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


def test_a_matrix_is_what_the_states_are_multiplied_by_however_it_is_held() -> None:
    states = torch.randn(4, 3)
    for module in (nn.Linear(3, 2), Conv1D(2, 3)):
        matrix = plain_matrix(module)
        assert matrix is not None
        torch.testing.assert_close(module(states), nn.functional.linear(states, matrix, module.bias))
        assert input_width(module) == 3
        assert plain_matrix(hooked(module, "register_forward_pre_hook", lambda module, inputs: None)) is None
    assert plain_matrix(Doubled(3, 2)) is None


def test_linear_modules_are_of_both_kinds_without_the_head() -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=64, n_layer=1, n_head=2))
    assert {name.rpartition(".")[2] for name in linear_modules(model)} == {"c_attn", "c_proj", "c_fc"}


@pytest.mark.parametrize("kind", ["falcon", "phimoe"])
def test_a_models_own_subclass_is_linear_if_it_gives_the_same(kind: str) -> None:
    model = AutoModelForCausalLM.from_config(tiny_native_config(kind, 64))
    names = {name.rpartition(".")[2] for name in linear_modules(model)}
    assert "router" not in names
    assert names & {"query_key_value", "q_proj"}
