"""Adapters: where they start, what they are put on, and what merging them computes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MambaConfig, MambaForCausalLM

from helpers.tiny_models import SMALL, adapter_weights, load_tiny
from mft_core.errors import UsageError
from mft_core.testing.random_models import relative_difference
from mft_core.testing.tuned_models import tuned_model
from mft_core.tuning.merging import merge
from mft_core.tuning.targets import lora_modules


@pytest.mark.parametrize(
    ("base", "adapter"),
    [(torch.float32, torch.float32), (torch.bfloat16, torch.float32), (torch.float64, torch.float64)],
)
def test_adapters_start_at_zero_effect_in_full_precision(
    base: torch.dtype, adapter: torch.dtype, tmp_path: Path
) -> None:
    ids = torch.arange(9)[None]
    model = load_tiny("llama", tmp_path, base)
    before = model(input_ids=ids, use_cache=False).logits
    tuned = tuned_model(model, rank=4)
    assert {parameter.dtype for parameter in adapter_weights(tuned).values()} == {adapter}
    assert torch.equal(tuned(input_ids=ids, use_cache=False).logits, before)


def test_the_seed_alone_decides_how_adapters_start(tmp_path: Path) -> None:
    starts = []
    for noise, seed in ((1, 5), (2, 5), (2, 6)):
        torch.manual_seed(noise)
        starts.append(adapter_weights(tuned_model(load_tiny("llama", tmp_path), seed=seed)))
    assert all(torch.equal(starts[0][name], starts[1][name]) for name in starts[0])
    assert not all(torch.equal(starts[0][name], starts[2][name]) for name in starts[0])


def test_preparing_leaves_the_random_state_alone(tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    tuned_model(model)
    assert torch.equal(torch.rand(1), expected)


def test_full_tuning_trains_every_weight(tmp_path: Path) -> None:
    model = tuned_model(load_tiny("llama", tmp_path).requires_grad_(False), method="full")
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_target_that_is_not_there_is_refused(tmp_path: Path) -> None:
    model = load_tiny("starcoder2", tmp_path)
    with pytest.raises(UsageError) as caught:
        tuned_model(model, targets=["q_proj", "c_fcc"])
    assert "'c_fcc'" in caught.value.message
    assert "Did you mean 'c_fc'? There is: c_fc, c_proj, k_proj, o_proj, q_proj, v_proj." in caught.value.hint
    tuned = tuned_model(model, targets=["q_proj"])
    assert all(".q_proj.lora_" in name for name in adapter_weights(tuned))


def test_a_target_may_be_as_much_of_a_name_as_it_takes(tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    targets = ["self_attn.q_proj", "model.layers.1.mlp.up_proj"]
    trained = {name.partition(".lora_")[0].removeprefix("base_model.model.") for name in adapter_weights(
        tuned_model(model, targets=targets))}  # fmt: skip
    every = {f"model.layers.{number}.self_attn.q_proj" for number in range(model.config.num_hidden_layers)}
    assert trained == {*every, "model.layers.1.mlp.up_proj"}


@pytest.mark.parametrize("target", ["self_attn", "mlp.q_proj", "attn.q_proj", "input_layernorm", "lm_head", "", "."])
def test_more_of_a_name_stands_for_linear_modules_alone(tmp_path: Path, target: str) -> None:
    with pytest.raises(UsageError, match="no linear module"):
        lora_modules(load_tiny("llama", tmp_path), [target])


def test_merging_computes_the_same(tmp_path: Path) -> None:
    ids = torch.arange(9)[None]
    tuned = tuned_model(load_tiny("gpt_bigcode", tmp_path, torch.float64), rank=4)
    untuned = tuned(input_ids=ids, use_cache=False).logits
    for name, parameter in adapter_weights(tuned).items():
        torch.nn.init.normal_(parameter, std=0.1 if "lora_B" in name else 1.0)
    before = tuned.eval()(input_ids=ids, use_cache=False).logits
    merged = merge(tuned)
    assert type(merged).__name__ == "GPTBigCodeForCausalLM"
    assert relative_difference(merged(input_ids=ids, use_cache=False).logits, before) < 1e-12
    assert relative_difference(untuned, before) > 1e-2
    assert merge(merged) is merged


def test_a_name_that_other_modules_have_too_is_told_apart_by_more_of_it() -> None:
    model = LlamaForCausalLM(LlamaConfig(**SMALL))
    for layer in model.model.layers:
        layer.mlp.down_proj = nn.Sequential(nn.Linear(128, 64), nn.Identity())
    names = lora_modules(model, "all-linear")
    assert {"down_proj.0", "q_proj"} < set(names)
    assert "0" not in names, "layers.0 ends so as well"
    adapted = {name for name, _ in tuned_model(model, rank=4).named_modules() if name.endswith("lora_A")}
    assert {name for name in adapted if "down_proj" in name} == {
        f"base_model.model.model.layers.{layer}.mlp.down_proj.0.lora_A" for layer in range(2)
    }


def test_weights_that_a_layer_reads_without_calling_it_get_no_adapter() -> None:
    config = MambaConfig(vocab_size=64, hidden_size=64, num_hidden_layers=1, state_size=8)
    assert lora_modules(MambaForCausalLM(config), "all-linear") == ["in_proj", "x_proj"]


def test_no_family_list_means_every_linear_module(tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    assert lora_modules(model, "family") == lora_modules(model, "all-linear")


@pytest.mark.parametrize("dora", [False, True])
def test_transposed_layers_are_adapted_and_merge(dora: bool) -> None:
    config = GPT2Config(vocab_size=64, n_embd=64, n_layer=2, n_head=2, initializer_range=0.2)
    tuned = tuned_model(GPT2LMHeadModel(config).eval(), rank=4, dora=dora)
    assert tuned.peft_config["default"].fan_in_fan_out
    torch.manual_seed(1)
    for parameter in adapter_weights(tuned).values():
        parameter.data += 0.1 * torch.randn_like(parameter)
    ids = torch.arange(9)[None]
    with torch.no_grad():
        before, merged = tuned.eval()(input_ids=ids).logits, merge(tuned)
        assert relative_difference(merged(input_ids=ids).logits, before) < 1e-5


def test_a_model_without_linear_layers_is_refused() -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=64, n_layer=0, n_head=2))
    with pytest.raises(UsageError, match="no linear module") as caught:
        lora_modules(model, "all-linear")
    assert "tune.method = full" in caught.value.hint


def test_a_family_without_any_of_its_modules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none of the family's modules is in this model; there is: down_proj, "):
        lora_modules(load_tiny("llama", tmp_path), "family", ("c_attn", "c_fc"))
