"""Baichuan's original checkpoints: converted, tuned and saved, they compute what the published code computes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy, normalize, silu
from transformers import AutoModelForCausalLM

from helpers.paths import CHECKPOINTS
from mft_baichuan.adapter import Baichuan
from mft_baichuan.alibi import alibi_slopes
from mft_core.errors import MftError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.checkpoints.folded_weights import folded_tensors
from mft_core.models.loading import load_base
from mft_core.nn.packed_attention import packed_inputs
from mft_core.testing.random_models import VOCABULARY, logits_alone, random_ids, relative_difference
from mft_core.testing.tuned_models import tuned_model

HEAD = "lm_head.weight"
SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": VOCABULARY}
ROTARY, ALIBI = {"max_position_embeddings": 64}, {"model_max_length": 64}
SECOND = {"z_loss_weight": 0}
VARIANTS: dict[str, dict[str, Any]] = {
    "7B v1": {"num_attention_heads": 4, **ROTARY},
    "7B v2": {"num_attention_heads": 2, **ROTARY, **ALIBI, **SECOND},
    "13B v1": {"num_attention_heads": 4, **ALIBI},
    "13B v2": {"num_attention_heads": 4, **ALIBI, **SECOND},
    "13B of 6 heads": {"num_attention_heads": 6, **ALIBI, **SECOND, "hidden_size": 96, "vocab_size": 200},
}


def write_original(folder: Path, variant: str, **changes: Any) -> dict[str, torch.Tensor]:
    """A checkpoint in the published layout, in float64 and two shards; its tensors."""
    config = {
        "architectures": ["BaichuanForCausalLM"],
        "model_type": "baichuan",
        "auto_map": {"AutoModelForCausalLM": "modeling_baichuan.BaichuanForCausalLM"},
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        **SIZES,
        **VARIANTS[variant],
        **changes,
    }
    width, inner, rows = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (rows, width), "model.norm.weight": (width,)}
    for layer in range(config["num_hidden_layers"]):
        block = f"model.layers.{layer}"
        shapes |= {f"{block}.self_attn.W_pack.weight": (3 * width, width)}
        shapes |= {f"{block}.self_attn.o_proj.weight": (width, width)}
        shapes |= {f"{block}.mlp.{name}_proj.weight": (inner, width) for name in ("gate", "up")}
        shapes |= {f"{block}.mlp.down_proj.weight": (width, inner)}
        shapes |= {f"{block}.{name}_layernorm.weight": (width,) for name in ("input", "post_attention")}
    shapes[HEAD] = (rows, width)
    generator = torch.Generator().manual_seed(0)
    tensors = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64) * (0.2 if len(shape) > 1 else 1.0)
        for name, shape in shapes.items()
    }
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    stored = dict(tensors)
    if "max_position_embeddings" in config:
        stored["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    names = list(stored)
    files = {f"model-0000{part + 1}-of-00002.safetensors": names[part::2] for part in range(2)}
    for file, held in files.items():
        save_file({name: stored[name] for name in held}, folder / file, {"format": "pt"})
    index = {name: file for file, held in files.items() for name in held}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": index}), encoding="utf-8"
    )
    return tensors


def published_slopes(heads: int) -> list[float]:
    """The recursion of the published 13B code."""

    def of_a_power(count: int) -> list[float]:
        start = 2 ** -(2 ** -(math.log2(count) - 3))
        return [start * start**index for index in range(count)]

    if math.log2(heads).is_integer():
        return of_a_power(heads)
    closest = 2 ** math.floor(math.log2(heads))
    return of_a_power(closest) + published_slopes(2 * closest)[0::2][: heads - closest]


def published(tensors: dict[str, torch.Tensor], config: dict[str, Any], ids: torch.Tensor) -> torch.Tensor:
    """[S, vocabulary]: what the published code computes, written after it in plain operations."""
    heads, width, length = config["num_attention_heads"], config["hidden_size"], len(ids)
    head_width = width // heads

    def norm(states: torch.Tensor, name: str) -> torch.Tensor:
        return states * (states.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * tensors[f"{name}.weight"]

    def rotate(states: torch.Tensor) -> torch.Tensor:
        frequency = 10000.0 ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
        angle = (torch.arange(length)[:, None] * frequency).repeat(1, 2)
        first, second = states.chunk(2, -1)
        return states * angle.cos() + torch.cat([-second, first], -1) * angle.sin()

    distance = torch.arange(length)[:, None] - torch.arange(length)
    bias = torch.zeros(heads, length, length, dtype=torch.float64)
    rotary = "max_position_embeddings" in config
    if not rotary:
        bias = bias - torch.tensor(published_slopes(heads), dtype=torch.float64)[:, None, None] * distance
    bias = bias.masked_fill(distance < 0, -math.inf)
    states = tensors["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        block = f"model.layers.{layer}"
        packed = norm(states, f"{block}.input_layernorm") @ tensors[f"{block}.self_attn.W_pack.weight"].T
        query, key, value = packed.unflatten(-1, (3, heads, head_width)).permute(1, 2, 0, 3)
        if rotary:
            query, key = rotate(query), rotate(key)
        weights = (query @ key.mT / math.sqrt(head_width) + bias).softmax(-1)
        mixed = (weights @ value).transpose(0, 1).flatten(1)
        states = states + mixed @ tensors[f"{block}.self_attn.o_proj.weight"].T
        inner = norm(states, f"{block}.post_attention_layernorm")
        gate, up = (inner @ tensors[f"{block}.mlp.{name}_proj.weight"].T for name in ("gate", "up"))
        states = states + (silu(gate) * up) @ tensors[f"{block}.mlp.down_proj.weight"].T
    head = tensors[HEAD]
    return norm(states, "model.norm") @ (normalize(head) if "z_loss_weight" in config else head).T


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_computes_what_the_published_code_computes(variant: str, tmp_path: Path) -> None:
    """Alone, padded on either side with and without positions, packed, and token by token with a cache."""
    tensors = write_original(tmp_path / "base", variant)
    config = read_config(tmp_path / "base")
    model = load_base(Baichuan(), tmp_path / "base", torch.float32)
    assert not model.training
    ids = random_ids(15)
    expected = published(tensors, config, ids)
    assert relative_difference(logits_alone(model, ids), expected) < 1e-5
    mask = torch.ones(1, 20, dtype=torch.long)
    mask[:, :5] = 0
    for sides, real in ((mask, slice(5, None)), (mask.flip(1), slice(15))):
        padded = torch.zeros(1, 20, dtype=torch.long)
        padded[0, real] = ids
        positions = (sides.cumsum(1) - 1).clamp(min=0)
        for inputs in ({}, {"position_ids": positions}):
            found = model(input_ids=padded, attention_mask=sides, **inputs).logits[0, real]
            assert relative_difference(found, expected) < 1e-5
    row = {"input_ids": ids.repeat(2)[None], "position_ids": torch.arange(15).repeat(2)[None]}
    packed = model(**row, **packed_inputs([(0, 0, 15), (0, 15, 30)])).logits[0]
    assert relative_difference(packed, expected.repeat(2, 1)) < 1e-5
    cache = None
    for place, token in enumerate(ids):
        output = model(input_ids=token[None, None], past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        assert relative_difference(output.logits[0, 0], expected[place]) < 1e-5


@pytest.mark.parametrize("variant", ["13B v1", "13B v2"])
def test_a_saved_13b_is_a_model_type_of_its_own_under_any_attention(variant: str, tmp_path: Path) -> None:
    tensors = write_original(tmp_path / "base", variant)
    model = load_base(Baichuan(), tmp_path / "base", torch.float32)
    model.save_pretrained(tmp_path / "saved")
    saved = read_config(tmp_path / "saved")
    assert saved["model_type"] == "baichuan_alibi"
    assert Baichuan().recognizes(saved)
    ids = random_ids(15)
    expected = published(tensors, read_config(tmp_path / "base"), ids)
    for attention in ("sdpa", "eager"):
        again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", attn_implementation=attention)
        assert relative_difference(logits_alone(again, ids), expected) < 1e-5
    for attention in ("flash_attention_2", "flex_attention"):
        with pytest.raises((ValueError, ImportError)):
            AutoModelForCausalLM.from_pretrained(tmp_path / "saved", attn_implementation=attention)


@pytest.mark.parametrize("variant", ["7B v1", "7B v2"])
def test_a_saved_7b_is_a_llama_for_anybody(variant: str, tmp_path: Path) -> None:
    tensors = write_original(tmp_path / "base", variant)
    load_base(Baichuan(), tmp_path / "base", torch.float32).save_pretrained(tmp_path / "saved")
    saved = read_config(tmp_path / "saved")
    assert saved["model_type"] == "llama"
    assert saved["architectures"] == ["LlamaForCausalLM"]
    ids = random_ids(15)
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved")
    expected = published(tensors, read_config(tmp_path / "base"), ids)
    assert relative_difference(logits_alone(again, ids), expected) < 1e-5


@pytest.mark.parametrize("heads", [1, 2, 3, 5, 6, 8, 12, 20, 32, 40, 52])
def test_slopes_are_the_published_ones(heads: int) -> None:
    found = alibi_slopes(heads, torch.float64, torch.device("cpu"))
    torch.testing.assert_close(found.tolist(), published_slopes(heads), rtol=1e-12, atol=0)
    assert alibi_slopes(heads, torch.bfloat16, torch.device("cpu")).dtype == torch.float32


@pytest.mark.parametrize("variant", ["7B v2", "13B v2"])
def test_full_tuning_trains_the_head_behind_its_norm(variant: str, tmp_path: Path) -> None:
    """Same logits, same gradients as the published code's; saved, it is an ordinary head."""
    tensors = write_original(tmp_path / "base", variant)
    config, adapter = read_config(tmp_path / "base"), Baichuan()
    model = load_base(adapter, tmp_path / "base", torch.float64)
    original = adapter.format_of(config)
    assert original is not None
    original.prepare_full_tuning(model, tmp_path / "base")
    tuned_model(model, method="full")
    ids = random_ids(15)
    cross_entropy(logits_alone(model.train(), ids)[:-1], ids[1:]).backward()
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in tensors.items()}
    cross_entropy(published(leaves, config, ids)[:-1], ids[1:]).backward()
    raw = model.lm_head.parametrizations.weight.original
    assert torch.equal(raw, tensors[HEAD])
    assert relative_difference(raw.grad, leaves[HEAD].grad) < 1e-6  # Llama's norms compute in float32
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
    folded = folded_tensors(model)
    assert HEAD in folded
    assert not any("parametrizations" in name for name in folded)
    model.save_pretrained(tmp_path / "saved", state_dict=folded)
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", dtype=torch.float64)
    assert relative_difference(logits_alone(again, ids), logits_alone(model.eval(), ids)) < 1e-6
    assert relative_difference(logits_alone(again, ids), published(tensors, config, ids)) > 1e-2
    assert folded_tensors(model, {"lm_head.parametrizations.weight.original": raw.detach()}).keys() == {HEAD}


def test_the_first_versions_head_is_trained_as_it_is(tmp_path: Path) -> None:
    write_original(tmp_path / "base", "7B v1")
    adapter = Baichuan()
    model = load_base(adapter, tmp_path / "base", torch.float32)
    original = adapter.format_of(read_config(tmp_path / "base"))
    assert original is not None
    original.prepare_full_tuning(model, tmp_path / "base")
    assert folded_tensors(model).keys() == model.state_dict().keys()
    assert HEAD in dict(model.named_parameters())


def test_a_head_that_was_not_trained_is_restored_bit_by_bit(tmp_path: Path) -> None:
    tensors = write_original(tmp_path / "base", "7B v2")
    model = load_base(Baichuan(), tmp_path / "base", torch.float32)
    original = Baichuan().format_of(read_config(tmp_path / "base"))
    assert original is not None
    head, stored = model.lm_head.weight.detach(), tensors[HEAD]
    assert torch.equal(original.restored(HEAD, head, stored), stored)
    trained = normalize(head + 0.1)
    assert torch.equal(original.restored(HEAD, trained, stored), trained)
    other = head + 1
    assert torch.equal(original.restored("model.norm.weight", other, stored), other)


@pytest.mark.parametrize("variant", VARIANTS)
def test_exactly_one_format_takes_each_variant(variant: str, tmp_path: Path) -> None:
    write_original(tmp_path / "base", variant)
    config = read_config(tmp_path / "base")
    taking = [each for each in Baichuan().formats if each.recognizes(config)]
    assert [("13B" in each.name, " 2 " in each.name) for each in taking] == [
        ("13B" in variant, "z_loss_weight" in VARIANTS[variant])
    ]
    assert Baichuan().recognizes({**config, "model_type": "other", "architectures": ["BaiChuanForCausalLM"]})
    large = {**config, "vocab_size": 125_696}
    assert " 2 " in str(getattr(Baichuan().format_of(large), "name", ""))


@pytest.mark.parametrize("change", [{"tie_word_embeddings": True}, {"rope_theta": 1e6}], ids=str)
def test_what_cannot_be_represented_is_refused_by_name(change: dict[str, Any], tmp_path: Path) -> None:
    write_original(tmp_path / "base", "13B v2", **change)
    with pytest.raises(MftError, match=r"Baichuan 2 13B checkpoint cannot be loaded truly"):
        load_base(Baichuan(), tmp_path / "base", torch.float32)


@pytest.mark.parametrize("name", ["baichuan7b_v1", "baichuan7b_v2", "baichuan13b_v1", "baichuan13b_v2"])
def test_the_published_codes_own_outputs(name: str) -> None:
    folder = CHECKPOINTS / name
    if not folder.is_dir():
        pytest.skip("../shared is absent")
    expected = load_file(folder / "expected.safetensors")
    model, ids = load_base(Baichuan(), folder, torch.float32), expected["ids"]
    assert (model(input_ids=ids).logits - expected["eval"]).abs().max() < 1e-4
    rows, width = ids.shape
    positions = torch.arange(width).repeat(rows)[None]
    documents = [(0, row * width, (row + 1) * width) for row in range(rows)]
    packed = model(input_ids=ids.view(1, -1), position_ids=positions, **packed_inputs(documents)).logits
    assert (packed.view_as(expected["eval"]) - expected["eval"]).abs().max() < 1e-4
    for side in ("right", "left"):
        mask = expected[f"{side}_mask"]
        found = model(input_ids=ids, attention_mask=mask).logits
        assert (found - expected[side])[mask.bool()].abs().max() < 1e-4
    greedy, prompt = expected["greedy"], ids[:1]
    options = {"max_new_tokens": greedy.shape[1] - width, "do_sample": False, "attention_mask": torch.ones_like(prompt)}
    assert torch.equal(model.generate(prompt, **options), greedy)
