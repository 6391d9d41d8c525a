"""Norms and rotary positions of our own: the same numbers as transformers' own, where ours are used, and less kept."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.glm import modeling_glm
from transformers.models.llama import modeling_llama
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from helpers.tiny_models import ARCHITECTURES, config_of, load_tiny
from mft_core.nn.fused_layers import rms_norm, rotate, use_fused_layers
from mft_core.testing.random_models import TOLERANCE, random_ids, relative_difference, take_gradients
from mft_core.testing.tuned_models import tuned_model

WIDTH, EPSILON = 24, 1e-3
NORM_ONLY = {"glm", "glm4", "baichuan_alibi", "deepseek_v2"}
"""Their rotations are interleaved, or there is none."""
ATTENTION_ONLY = {"starcoder2", "gpt_neox", "phi", "gemma", "gemma2", "gemma3_text"}
"""Their norms are others."""
NEITHER = {"block_glm", "gpt_bigcode"}


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def with_gradients(function: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> list[torch.Tensor]:
    """The result, and the gradients of something of it that is not linear."""
    leaves = [value.detach().clone().requires_grad_() for value in inputs]
    result = function(*leaves)
    result.double().pow(3).sum().backward()
    return [result.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def norm_in_full(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """By its definition, in float64."""
    wide = x.double()
    return weight.double() * wide / (wide.square().mean(-1, keepdim=True) + EPSILON).sqrt()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(5, WIDTH), (2, 3, WIDTH), (2, 4, 3, WIDTH)], ids=str)
def test_a_norm_and_its_gradients_are_those_of_the_definition(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    x, weight = numbers(*shape).to(dtype), numbers(WIDTH, seed=1).to(dtype)
    found = with_gradients(lambda x, weight: rms_norm(x, weight, EPSILON), x, weight)
    expected = with_gradients(norm_in_full, x, weight)
    tolerance = 1e-5 if dtype == torch.float32 else 0.02
    assert len(found) == len(expected) == 3
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        assert relative_difference(one.double(), other.double()) < tolerance


def test_a_frozen_weight_gets_no_gradient_and_states_may_lie_transposed() -> None:
    x, weight = numbers(2, 4, 3, WIDTH).transpose(1, 2).requires_grad_(), numbers(WIDTH, seed=1)
    rms_norm(x, weight, EPSILON).sum().backward()
    assert weight.grad is None
    other = x.detach().clone().requires_grad_()
    norm_in_full(other, weight).sum().backward()
    assert x.grad is not None
    assert other.grad is not None
    assert relative_difference(x.grad, other.grad) < TOLERANCE[torch.float32]


@pytest.mark.parametrize("transposed", [False, True])
def test_a_rotation_and_its_gradient_are_those_of_the_definition(transposed: bool) -> None:
    states, cos, sin = numbers(2, 3, 5, 8), numbers(2, 1, 5, 8, seed=1), numbers(2, 1, 5, 8, seed=2)
    if transposed:
        states = states.transpose(1, 2).contiguous().transpose(1, 2)

    def by_definition(states: torch.Tensor) -> torch.Tensor:
        first, second = states.chunk(2, -1)
        return states * cos + torch.cat([-second, first], -1) * sin

    for one, other in zip(
        with_gradients(lambda states: rotate(states, cos, sin), states),
        with_gradients(by_definition, states),
        strict=True,
    ):
        assert relative_difference(one, other) < 1e-6


def untouched(architecture: str, dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    config = config_of(architecture)
    config.initializer_range = 0.2
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    for name, parameter in model.named_parameters():
        if "norm" in name:  # ones would hide what a weight does
            nn.init.normal_(parameter, mean=1, std=0.3)
    return model.train()


def logits_and_gradients(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    logits = model(input_ids=random_ids(2, 7), use_cache=False).logits
    logits.square().sum().backward()
    return logits.detach(), take_gradients(model)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_computes_the_same_with_them(architecture: str) -> None:
    model = untouched(architecture)
    expected, gradients = logits_and_gradients(model)
    names = list(model.state_dict())
    exchanged = use_fused_layers(model)
    found, own_gradients = logits_and_gradients(model)
    kinds = {"norm" if "Norm" in name else "attention" for name in exchanged}
    without = {"norm": ATTENTION_ONLY | NEITHER, "attention": NORM_ONLY | NEITHER}
    assert kinds == {kind for kind in without if architecture not in without[kind]}
    assert list(model.state_dict()) == names
    assert relative_difference(found, expected) < TOLERANCE[torch.float32]
    assert own_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        assert (own_gradients[name] - gradient).abs().max() <= 2e-5 * gradient.abs().max(), name


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_model_to_be_trained_has_them_and_a_loaded_one_is_transformers_own(method: str, tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    assert type(model.model.norm) is LlamaRMSNorm
    tuned_model(model, method=method)
    assert type(model.model.norm) is not LlamaRMSNorm
    assert {type(module).__name__ for module in model.modules() if isinstance(module, LlamaRMSNorm)} == {"LlamaRMSNorm"}


def test_in_evaluation_mode_it_is_transformers_own_to_the_last_bit() -> None:
    model = untouched("llama").eval()
    expected, gradients = logits_and_gradients(model)
    use_fused_layers(model)
    found, own_gradients = logits_and_gradients(model)
    assert torch.equal(found, expected)
    assert all(torch.equal(own_gradients[name], gradient) for name, gradient in gradients.items())
    assert not torch.equal(logits_and_gradients(model.train())[0], expected)


def test_only_this_model_changes_and_a_copy_stays_changed() -> None:
    rotation, forward = modeling_llama.apply_rotary_pos_emb, LlamaRMSNorm.forward
    other, model = untouched("llama"), untouched("llama")
    use_fused_layers(model)
    assert modeling_llama.apply_rotary_pos_emb is rotation
    assert LlamaRMSNorm.forward is forward
    assert type(other.model.norm) is LlamaRMSNorm
    copied = copy.deepcopy(model)
    assert type(copied.model.norm) is type(model.model.norm)
    assert torch.equal(*(one(input_ids=random_ids(1, 5)).logits for one in (copied, model)))


def test_float64_stays_transformers_own_to_the_last_bit() -> None:
    model = untouched("qwen3", torch.float64)
    expected, gradients = logits_and_gradients(model)
    use_fused_layers(model)
    found, own_gradients = logits_and_gradients(model)
    assert torch.equal(found, expected)
    assert all(torch.equal(own_gradients[name], gradient) for name, gradient in gradients.items())


def kept_bytes(model: Any) -> int:
    """Of distinct storage that a forward keeps for its backward, beside the weights."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(value: torch.Tensor) -> torch.Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        result = model(input_ids=random_ids(2, 64), use_cache=False).logits
    del result
    return sum(kept.values())


def test_less_is_kept_for_the_backward_pass() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        model = untouched("llama", dtype)
        before = kept_bytes(model)
        use_fused_layers(model)
        assert kept_bytes(model) < 0.95 * before


class CenteredRMSNorm(LlamaRMSNorm):
    """Is called an RMS norm and is none."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return super().forward(hidden_states - hidden_states.mean(-1, keepdim=True))


class FailingRMSNorm(LlamaRMSNorm):
    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("needs something else")


@pytest.mark.parametrize("kind", [CenteredRMSNorm, FailingRMSNorm, GemmaRMSNorm])
def test_a_norm_that_computes_something_else_stays(kind: type[nn.Module]) -> None:
    model = nn.Sequential(kind(WIDTH))
    assert not use_fused_layers(model)
    assert type(model[0]) is kind


def test_what_a_fused_norm_does_not_cover_is_left_to_the_original() -> None:
    norm = LlamaRMSNorm(WIDTH)
    model = nn.Sequential(norm)
    assert use_fused_layers(model) == {"LlamaRMSNorm": 1}
    x = numbers(3, WIDTH)
    mixed = model(x.bfloat16())
    assert mixed.dtype == torch.float32  # as transformers' own: the weight is
    assert torch.equal(mixed, LlamaRMSNorm.forward(norm, x.bfloat16()))


class Turning(nn.Module):
    """An attention layer as far as its rotation is concerned."""

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return apply_rotary_pos_emb(*inputs, **options)


def apply_rotary_pos_emb(
    q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, unsqueeze_dim: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of a part of every head, like GPT-NeoX's."""
    turned = cos.shape[-1]
    q_turned, k_turned = modeling_llama.apply_rotary_pos_emb(q[..., :turned], k[..., :turned], cos, sin, unsqueeze_dim)
    return torch.cat([q_turned, q[..., turned:]], -1), torch.cat([k_turned, k[..., turned:]], -1)


@pytest.mark.parametrize(
    ("head", "axis", "needs_gradient"), [(8, 1, False), (8, 2, False), (12, 1, False), (8, 1, True)], ids=str
)
def test_a_rotation_takes_what_the_original_takes(head: int, axis: int, needs_gradient: bool) -> None:
    model = nn.Sequential(Turning())
    assert use_fused_layers(model) == {"Turning": 1}
    shape = (2, 3, 5, head) if axis == 1 else (2, 5, 3, head)
    states = numbers(*shape), numbers(*shape, seed=1)
    cos, sin = numbers(2, 5, 8, seed=2).requires_grad_(needs_gradient), numbers(2, 5, 8, seed=3)
    found = model[0](*states, cos, sin, unsqueeze_dim=axis)
    expected = apply_rotary_pos_emb(*states, cos, sin, unsqueeze_dim=axis)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(found, expected, strict=True))
    if needs_gradient:
        found[0].sum().backward()
        assert cos.grad is not None


def test_an_interleaved_rotation_stays() -> None:
    model = untouched("glm")
    use_fused_layers(model)
    attention = model.model.layers[0].self_attn
    assert type(attention) is modeling_glm.GlmAttention


class PartlyScaledRMSNorm(LlamaRMSNorm):
    """A class with and without a weight, as Gemma 4's."""

    def __init__(self, scaled: bool) -> None:
        super().__init__(WIDTH, EPSILON)
        if not scaled:
            self.weight = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if self.weight is not None else x * (x.square().mean(-1, keepdim=True)).rsqrt()


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_a_norm_without_a_weight_beside_one_of_its_class_that_has_one(order: tuple[bool, bool]) -> None:
    model = nn.Sequential(*map(PartlyScaledRMSNorm, order)).train()
    x = numbers(3, WIDTH)
    expected = model(x)
    use_fused_layers(model)
    assert relative_difference(model(x), expected) < TOLERANCE[torch.float32]
