"""Our LoRA layers against PEFT's: equal values, gradients, random numbers, files and merges; no wide activations."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import Linear
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig
from transformers.pytorch_utils import Conv1D

from mft_core.nn.lora_linear import LoraLinear, use_own_lora_linear
from mft_core.testing.random_models import random_ids, relative_difference, take_gradients
from mft_core.testing.tuned_models import tuned_model
from mft_core.tuning.merging import merge

EXACT = {torch.float64: 1e-12, torch.float32: 1e-6}
INNER, OUTER = 48, 40


class Block(nn.Module):
    """Two linear layers; the first one's input needs no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(INNER, OUTER)
        self.second = nn.Linear(OUTER, INNER)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(x)))


def make(dtype: torch.dtype = torch.float32, **options: Any) -> tuple[Any, Any]:
    """The same LoRA block with PEFT's layers and with ours; their B matrices are not zero."""
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=6.0, target_modules=["first", "second"], **options)
    theirs = get_peft_model(Block().to(dtype), config)
    for name, parameter in theirs.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.3)
    ours = copy.deepcopy(theirs)
    assert use_own_lora_linear(ours) == 2
    return theirs, ours


def states(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    return torch.randn(*(shape or (3, 7)), INNER, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(
        dtype
    )


def run(model: nn.Module, x: torch.Tensor, seed: int = 2) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The output, and the gradients of something of it that is not linear, that of the input among them."""
    torch.manual_seed(seed)
    x = x.clone().requires_grad_()
    result = model(x)
    result.float().square().sum().backward() if x.dtype == torch.bfloat16 else result.square().sum().backward()
    assert x.grad is not None
    return result.detach(), {"x": x.grad, **take_gradients(model)}


def assert_same(found: Any, expected: Any, tolerance: float) -> None:
    for one, other in zip((found[0], *found[1].values()), (expected[0], *expected[1].values()), strict=True):
        assert one.dtype == other.dtype
        assert relative_difference(one, other) < tolerance
    assert found[1].keys() == expected[1].keys()


class Calls:
    """Counts which forwards of LoRA layers ran."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of_peft = 0
        forward = Linear.forward

        def counted(module: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
            self.of_peft += 1
            return forward(module, *args, **kwargs)

        monkeypatch.setattr(Linear, "forward", counted)


@pytest.mark.parametrize("dtype", EXACT, ids=str)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(3, 7), (1, 1), (5,), (0,)], ids=str)
def test_values_and_gradients_are_peft_s(dtype, dropout, shape, monkeypatch) -> None:
    theirs, ours = (model.train() for model in make(dtype, lora_dropout=dropout))
    x = states(dtype, *shape)
    expected = run(theirs, x)
    calls = Calls(monkeypatch)
    found = run(ours, x)
    assert calls.of_peft == 0
    if x.numel():
        assert_same(found, expected, EXACT[dtype])
    else:
        assert found[0].shape == expected[0].shape
        assert all(torch.equal(found[1][name], gradient) for name, gradient in expected[1].items())


@pytest.mark.parametrize("dtype", EXACT, ids=str)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_layers_that_hold_the_transposed_matrix_are_the_same(dtype, dropout, monkeypatch) -> None:
    torch.manual_seed(0)
    block = Block()
    block.first, block.second = Conv1D(OUTER, INNER), Conv1D(INNER, OUTER)
    config = LoraConfig(
        r=4, lora_alpha=6.0, lora_dropout=dropout, target_modules=["first", "second"], fan_in_fan_out=True
    )
    theirs = get_peft_model(block.to(dtype), config).train()
    for name, parameter in theirs.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.3)
    ours = copy.deepcopy(theirs)
    assert use_own_lora_linear(ours) == 2
    expected = run(theirs, states(dtype))
    calls = Calls(monkeypatch)
    assert_same(run(ours, states(dtype)), expected, EXACT[dtype])
    assert calls.of_peft == 0


def test_dropout_drops_what_peft_drops_and_only_in_training() -> None:
    theirs, ours = make(lora_dropout=0.5)
    x = states(torch.float32)
    for model in (theirs, ours):
        model.train()
    first, again, other = run(ours, x)[0], run(ours, x)[0], run(ours, x, seed=3)[0]
    assert torch.equal(first, again)
    assert relative_difference(other, first) > 1e-2
    for model in (theirs, ours):
        model.eval()
    assert relative_difference(run(ours, x)[0], run(theirs, x)[0]) < 1e-6
    assert relative_difference(first, run(ours, x)[0]) > 1e-2


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_bfloat16_is_near_float64_and_no_activation_is_wide(dropout) -> None:
    theirs, ours = (model.train() for model in make(torch.bfloat16, lora_dropout=dropout))
    exact = copy.deepcopy(theirs).double()
    x = states(torch.bfloat16, 40, 16)
    assert {parameter.dtype for parameter in ours.parameters() if parameter.requires_grad} == {torch.float32}
    saved: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):
        ours(x)
    rows = 40 * 16
    assert not [tensor.shape for tensor in saved if tensor.dtype == torch.float32 and tensor.numel() >= rows * OUTER]
    truth, peer, found = run(exact, x.double()), run(theirs, x), run(ours, x)
    for one, other, true in zip(*((part[0], *part[1].values()) for part in (found, peer, truth)), strict=True):
        assert one.dtype == other.dtype
        assert (one - true).norm() < 0.02 * true.norm()


def test_the_first_layer_s_input_needs_no_gradient() -> None:
    theirs, ours = make(torch.float64)
    x, gradients = states(torch.float64), []
    for model in (theirs, ours):
        model(x).square().sum().backward()
        gradients.append(take_gradients(model))
    for name, gradient in gradients[0].items():
        assert relative_difference(gradients[1][name], gradient) < 1e-12


def test_names_files_and_merges_are_peft_s(tmp_path: Path) -> None:
    theirs, ours = make()
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    assert [*get_peft_model_state_dict(ours)] == [*get_peft_model_state_dict(theirs)]
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    weights = [(tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("ours", "theirs")]
    assert weights[0] == weights[1]
    configs = [json.loads((tmp_path / name / "adapter_config.json").read_text()) for name in ("ours", "theirs")]
    for config in configs:  # PEFT keeps a set, whose order is the process's.
        config["target_modules"].sort()
    assert configs[0] == configs[1]
    x = states(torch.float32)
    expected = theirs(x)
    torch.manual_seed(0)
    loaded = PeftModel.from_pretrained(Block(), str(tmp_path / "ours")).eval()
    assert torch.equal(loaded(x), expected)
    merged, same = ours.merge_and_unload(), theirs.merge_and_unload()
    for name, tensor in same.state_dict().items():
        assert torch.equal(merged.state_dict()[name], tensor)


def test_merged_and_switched_off_layers_compute_as_peft_s(monkeypatch) -> None:
    theirs, ours = make()
    x = states(torch.float32)
    calls = Calls(monkeypatch)
    for model in (theirs, ours):
        model.merge_adapter()
    assert torch.equal(ours(x), theirs(x))
    for model in (theirs, ours):
        model.unmerge_adapter()
    assert relative_difference(ours(x), theirs(x)) < 1e-6
    with theirs.disable_adapter(), ours.disable_adapter():
        assert torch.equal(ours(x), theirs(x))
    assert calls.of_peft == 10, "five times two layers; ours but once not"


def add_another(model: Any) -> None:
    torch.manual_seed(3)
    model.add_adapter("other", LoraConfig(r=2, target_modules=["first", "second"], init_lora_weights=False))
    model.base_model.set_adapter(["default", "other"])


def train_base(model: Any) -> None:
    for layer in (model.first, model.second):
        layer.base_layer.weight.requires_grad_()


def hook_base(model: Any) -> None:
    for layer in (model.first, model.second):
        layer.base_layer.register_forward_hook(lambda module, arguments, output: output + 1)


def leave(model: Any) -> None:
    """As it is."""


NOT_PLAIN = {
    "DoRA": ({"use_dora": True}, leave),
    "bias of its own": ({"lora_bias": True}, leave),
    "two adapters": ({}, add_another),
    "trainable base": ({}, train_base),
    "hooked base": ({}, hook_base),
}


@pytest.mark.parametrize("case", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_peft(case, monkeypatch) -> None:
    options, change = NOT_PLAIN[case]
    theirs, ours = make(**options)
    for model in (theirs, ours):
        change(model)
    assert_left_to_peft(theirs, ours, states(torch.float32), monkeypatch)


def test_float16_and_autocast_are_left_to_peft(monkeypatch) -> None:
    theirs, ours = make(torch.float16)
    assert_left_to_peft(theirs, ours, states(torch.float16), monkeypatch)
    theirs, ours = make()
    with torch.autocast("cpu", torch.bfloat16):
        assert_left_to_peft(theirs, ours, states(torch.bfloat16), monkeypatch)


def assert_left_to_peft(theirs: Any, ours: Any, x: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(theirs, x)
    with monkeypatch.context() as patch:
        calls = Calls(patch)
        found = run(ours, x)
    assert calls.of_peft == 2
    assert torch.equal(found[0], expected[0])
    assert all(torch.equal(found[1][name], gradient) for name, gradient in expected[1].items())


def make_llama(dtype: torch.dtype) -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    return AutoModelForCausalLM.from_config(LlamaConfig(vocab_size=128, **sizes, initializer_range=0.2), dtype=dtype)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_whole_model_trains_as_with_peft_s_layers(checkpointing, monkeypatch) -> None:
    ids, results = random_ids(2, 12), []
    for cast in (True, False):
        options = {"rank": 3, "dropout": 0.2, "gradient_checkpointing": checkpointing, "cast_activations": cast}
        model = tuned_model(make_llama(torch.float64), **options)
        assert any(type(module) is LoraLinear for module in model.modules()) == (not cast)
        calls = Calls(monkeypatch)
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
        torch.manual_seed(4)
        for _ in range(3):
            model.train()(input_ids=ids, labels=ids, use_cache=False).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        assert (calls.of_peft > 0) == cast
        results.append(get_peft_model_state_dict(model))
        monkeypatch.undo()
        assert relative_difference(merge(model.eval())(input_ids=ids).logits, model(input_ids=ids).logits) < 1e-10
    for name, tensor in results[0].items():
        assert tensor.abs().max() > 0
        assert relative_difference(results[1][name], tensor) < 1e-9, name
