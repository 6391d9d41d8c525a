"""Expected memory: equal to what small models take, part by part; and what a large one would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig

from helpers.four_bits import stored_bytes
from helpers.running import mft, write_tasks
from helpers.tiny_models import adapter_of, config_of, write_checkpoint
from mft_core.models.loading import load_base
from mft_core.models.quantization import four_bit_layers
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.run.memory import MemoryEstimate, estimate_memory, expected_memory, with_checkpointing_decided
from mft_core.run.plan import make_plan, tuner_request
from mft_core.testing.packed_texts import loss_and_gradients
from mft_core.tuning.preparing import build_tuner, prepare_for_tuning
from mft_core.tuning.tuner import Tuner
from mft_llama.adapter import Llama
from mft_optimizers.adamw import AdamW

GB = 1e9
CPU, GPU = torch.device("cpu"), torch.device("cuda")
LLAMA_70B = LlamaConfig(
    vocab_size=32000,
    hidden_size=8192,
    intermediate_size=28672,
    num_hidden_layers=80,
    num_attention_heads=64,
    num_key_value_heads=8,
    tie_word_embeddings=False,
)


def recipe_of(method: str, **settings: Any) -> Recipe:
    return load_recipe(None, [("tune.method", method), *((key.replace("__", "."), v) for key, v in settings.items())])


def tuner_of(recipe: Recipe) -> Tuner:
    return build_tuner(recipe.tune, discover(Workspace()).catalog)


def parameter_bytes(model: torch.nn.Module, chosen: str) -> int:
    """Of dense parameters whose names hold `chosen`, and of quantised ones whatever they hold in memory."""
    layers = {f"{name}.weight": layer for name, layer in four_bit_layers(model).items()}
    return sum(
        stored_bytes(layers[name]) if name in layers else parameter.nbytes
        for name, parameter in model.named_parameters()
        if chosen in name
    )


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "gpt_neox"])
@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_weights_adapters_gradients_and_optimizer_are_what_is_measured(
    method: str, architecture: str, tmp_path: Path
) -> None:
    write_checkpoint(architecture, tmp_path)
    recipe, adapter = recipe_of(method, tune__rank=4), adapter_of(architecture)
    tuner, config = tuner_of(recipe), adapter.load_config(tmp_path)
    expected = estimate_memory(recipe, tuner, adapter, config, torch.float32, 1.0, CPU, AdamW())
    base = load_base(adapter, tmp_path, torch.float32, quantization=tuner.quantization())
    model = prepare_for_tuning(base, tuner, tuner_request(recipe, adapter))
    adapters = parameter_bytes(model, ".lora_")
    assert expected.adapters == adapters
    assert expected.weights == parameter_bytes(model, "") - adapters
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    _, gradients = loss_and_gradients(model)
    assert expected.trainable == sum(parameter.numel() for parameter in trainable)
    assert expected.gradients == sum(gradient.nbytes for gradient in gradients.values())
    optimizer = torch.optim.AdamW(trainable)
    loss_and_gradients(model)
    for parameter in trainable:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    states = [state[key] for state in optimizer.state.values() for key in ("exp_avg", "exp_avg_sq")]
    assert expected.optimizer == sum(state.nbytes for state in states)


def large(method: str, shards: int = 1, **settings: Any) -> MemoryEstimate:
    """Llama-2-70B with the authors' published settings for QLoRA: rank 96, rows of 4096 tokens, two in a forward."""
    authors = {"tune__rank": 96, "tune__alpha": 32, "data__max_length": 4096, "train__micro_batch_size": 2}
    recipe = recipe_of(method, **{**authors, "train__gradient_checkpointing": True, **settings})
    dtype = torch.float32 if method == "full" else torch.bfloat16
    return estimate_memory(recipe, tuner_of(recipe), Llama(), LLAMA_70B, dtype, 0.5, GPU, AdamW(), shards)


@pytest.mark.slow
def test_70b_in_four_bits_fits_into_80_gb_and_nothing_else_does() -> None:
    qlora = large("qlora")
    linear = 80 * (2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
    assert qlora.weights == pytest.approx(linear * 4.127 / 8 + 2 * (2 * 32000 + 161) * 8192, rel=1e-3)
    assert qlora.trainable == 80 * 96 * (4 * 8192 + 2 * (8192 + 1024) + 3 * (8192 + 28672))
    assert qlora.adapters == qlora.gradients == qlora.optimizer / 2 == 4 * qlora.trainable
    assert 35 * GB < qlora.weights < 38 * GB
    assert qlora.total < 80 * GB
    assert large("lora").total > 150 * GB
    assert large("full").total > 1000 * GB
    assert large("qlora", tune__double_quant=False).weights - qlora.weights == pytest.approx(3.2 * GB, rel=0.02)


@pytest.mark.slow
def test_spread_over_eight_gpus_each_has_a_part_and_two_layers() -> None:
    whole, spread = large("qlora"), large("qlora", shards=8)
    for part in ("weights", "adapters", "gradients", "optimizer"):
        assert getattr(spread, part) == pytest.approx(getattr(whole, part) / 8, rel=1e-3), part
    assert spread.activations == whole.activations
    assert (whole.gathered, spread.parameters) == (0, whole.parameters)
    outside, layer = 2 * (2 * 32000 + 1) * 8192, (whole.weights + whole.adapters - 1.05 * GB) / 80
    assert spread.gathered == pytest.approx(outside + 2 * layer + whole.gradients / 80, rel=1e-2)
    assert spread.total < 30 * GB


@pytest.mark.slow
def test_checkpointing_and_fewer_rows_take_less() -> None:
    assert large("qlora", train__micro_batch_size=1).activations < large("qlora").activations
    assert large("qlora", train__gradient_checkpointing=False).activations > 80 * GB


def test_initial_values_that_need_weights_cost_no_time_here() -> None:
    plain, pissa = (
        estimate_memory(recipe, tuner_of(recipe), Llama(), config_of("llama"), torch.float32, 1.0, CPU)
        for recipe in (recipe_of("lora"), recipe_of("lora", tune__init="pissa"))
    )
    assert pissa == plain


@pytest.mark.slow
def test_check_shows_every_method(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_tasks(tmp_path / "data")
    (tmp_path / "recipe.toml").write_text(
        f'[model]\nadapter = "llama"\ndtype = "float32"\n[tune]\nmethod = "qlora"\n[data]\npath = "{data}"\n'
    )
    assert mft("check", str(tmp_path / "recipe.toml"), "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    methods = {part["method"]: part for part in facts["memory_per_method"]}
    assert {"lora", "qlora", "full"} <= set(methods)
    assert facts["memory"] == methods["qlora"]["total"]
    assert methods["qlora"]["weights"] < methods["lora"]["weights"]
    for part in methods.values():
        assert part["total"] == sum(
            part[key] for key in ("weights", "adapters", "gradients", "optimizer", "activations", "gathered")
        )
    assert mft("check", str(tmp_path / "recipe.toml")) == 0
    shown = capsys.readouterr().out
    assert "QLoRA (nf4) rank 16" in shown
    assert all(word in shown for word in ("Expected memory", "adapters", "optimizer", "activations"))


def test_checkpointing_is_switched_on_where_memory_asks_for_it_and_only_there(tmp_path: Path) -> None:
    wishes = {"model.adapter": "llama", "model.dtype": "float32", "data.max_length": 128}
    data = ("data.path", str(write_tasks(tmp_path)))
    plan = make_plan(load_recipe(None, [*wishes.items(), data]), discover(Workspace.find()).catalog)
    needed = expected_memory(plan, plan.recipe).total
    roomy, tight = (with_checkpointing_decided(plan, available=2 * needed // part) for part in (1, 2))
    assert roomy.recipe.train.gradient_checkpointing is False
    assert tight.recipe.train.gradient_checkpointing is True
    assert expected_memory(tight, tight.recipe).total < needed
    assert with_checkpointing_decided(roomy, available=0) is roomy, "whoever chose is not overruled"
