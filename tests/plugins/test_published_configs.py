"""Every checkpoint that is promised is recognised by the shape of its config.json, and means what was published."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, PreTrainedConfig

from helpers.published_configs import CONVERTED, NATIVE, PUBLISHED, Published
from helpers.tiny_models import ADAPTERS
from mft_core.errors import MftError, UsageError
from mft_core.models.building import build_empty
from mft_core.models.loading import load_base
from mft_core.models.quantization import Quantization
from mft_core.models.recognition import recognize_adapter
from mft_core.nn.packing_self_test import check_packing
from mft_core.testing.random_models import VOCABULARY, write_random_checkpoint


def write_config(folder: Path, config: dict[str, Any]) -> Path:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def wavelength(model: Any) -> float:
    """Of the slowest rotating pair of the layers that see everything; 0: nothing rotates."""
    tables = {name: table for name, table in model.named_buffers() if name.endswith("inv_freq")}
    names = [name for name in tables if "original" not in name and "sliding" not in name]
    return 1 / float(tables[names[0]].min()) if names else 0.0


@pytest.mark.parametrize("name", PUBLISHED)
def test_it_is_recognised_by_shape_and_a_wrong_family_names_the_right_one(name: str) -> None:
    config, right = PUBLISHED[name].config, PUBLISHED[name].adapter
    assert [each for each, adapter in ADAPTERS.items() if adapter.recognizes(config)] == [right]
    assert recognize_adapter(ADAPTERS.items(), config) == right
    for wrong in ADAPTERS.keys() - {right}:
        with pytest.raises(UsageError, match=f"--model {wrong} does not fit") as caught:
            recognize_adapter(ADAPTERS.items(), config, wrong)
        assert caught.value.hint == f"Use --model {right}."


@pytest.fixture(params=NATIVE)
def native(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Published, Any]:
    """A published configuration, and a model of random weights loaded with it."""
    published = NATIVE[request.param]
    write_config(tmp_path, published.config)
    write_random_checkpoint(AutoConfig.from_pretrained(tmp_path), tmp_path)
    write_config(tmp_path, published.config)
    return published, load_base(ADAPTERS[published.adapter], tmp_path, torch.float32)


def test_a_native_checkpoint_computes_what_its_own_keys_say(native: tuple[Published, Any]) -> None:
    published, model = native
    assert type(model).__name__ == published.native
    assert wavelength(model) == pytest.approx(published.wavelength, rel=1e-4)
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tied == published.tied
    assert first_window(model.config) == published.window
    assert check_packing(model, VOCABULARY) < 1e-4


def first_window(config: PreTrainedConfig) -> int | None:
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"]
    return getattr(config, "sliding_window", None) if kinds[0] == "sliding_attention" else None


@pytest.mark.parametrize("name", CONVERTED)
def test_an_original_configuration_becomes_the_native_one(name: str, tmp_path: Path) -> None:
    published = CONVERTED[name]
    config = ADAPTERS[published.adapter].load_config(write_config(tmp_path, published.config))
    model = build_empty(config, torch.float32)
    assert type(model).__name__ == published.native
    assert config.tie_word_embeddings == published.tied
    if published.wavelength:
        real = type(model.model.rotary_emb)(config=config)  # outside the meta device
        assert wavelength(real) == pytest.approx(published.wavelength, rel=1e-4)
    else:
        assert not any("rotary" in type(layer.self_attn).__module__ for layer in model.model.layers)


QUANTIZED = {
    "fp8": {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [128, 128]},
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": 128},
    "awq": {"quant_method": "awq", "bits": 4, "version": "gemm"},
    "bitsandbytes": {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "of an unnamed kind": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("method", QUANTIZED)
def test_weights_that_were_quantised_are_refused_by_name(name: str, method: str, tmp_path: Path) -> None:
    published = PUBLISHED[name]
    config = {**published.config, "quantization_config": QUANTIZED[method]}
    with pytest.raises(MftError, match=rf"quantised before they were published \({method}\)") as caught:
        recognize_adapter(ADAPTERS.items(), config)
    assert "bfloat16" in caught.value.hint
    assert "tune.method=qlora" in caught.value.hint
    with pytest.raises(MftError, match=method):
        load_base(ADAPTERS[published.adapter], write_config(tmp_path, config), torch.float32)


OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("llama-3", {"rope_scaling": {"type": "mystery", "factor": 2.0}}, "rope_scaling of the type 'mystery'"),
    ("qwen-2.5", {"rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}}, "type 'mrope'"),
    ("gemma-3", {"rope_parameters": {"full_attention": {"rope_type": "odd"}}}, "rope_parameters of the type 'odd'"),
    ("phi-4-mini", {"rope_scaling": {"type": "su", "short_factor": [1.0] * 6}}, "type 'su'"),
    ("phi-4-mini", {"rope_scaling": {"type": "yarn", "short_factor": [1.0] * 6}}, "type 'yarn'"),
    ("mistral-0.3", {"hidden_act": "mystery"}, "hidden_act = 'mystery'"),
    ("starcoder", {"activation_function": "mystery"}, "activation_function = 'mystery'"),
    ("gemma-2", {"hidden_activation": "mystery"}, "hidden_activation = 'mystery'"),
    ("baichuan-7b", {"hidden_act": "mystery"}, "hidden_act = 'mystery'"),
    ("llama-2", {"hidden_act": ["silu"]}, "hidden_act = ['silu']"),
    ("llama-2", {"mm_vision_tower": "openai/clip-vit"}, "mm_vision_tower, so inputs other than text"),
    ("qwen-7b", {"audio": {"n_mels": 80}}, "audio, so inputs other than text"),
    ("glm-4", {"vision_config": {}}, "vision_config, so inputs other than text"),
    ("qwen-1.5-moe", {"use_sliding_window": True}, "use_sliding_window = True"),
    ("deepseek-v2", {"norm_topk_prob": True}, "norm_topk_prob = True"),
    ("deepseek-v2", {"topk_method": "noaux_tc"}, "topk_method = 'noaux_tc'"),
    ("deepseek-v3", {"scoring_func": "softmax"}, "scoring_func = 'softmax'"),
    ("deepseek-v3", {"topk_method": "greedy"}, "topk_method = 'greedy'"),
    ("deepseek-v3", {"moe_layer_freq": 2}, "moe_layer_freq = 2"),
    ("qwen-7b", {"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling = "),
    ("chatglm3-32k", {"rope_scaling": {"type": "yarn", "factor": 2.0}}, "rope_scaling = "),
    ("chatglm3-32k", {"rope_ratio": 0}, "rope_ratio = 0"),
    ("chatglm3-32k", {"rope_ratio": None}, "rope_ratio = None"),
    ("chatglm2", {"interleaved_qkv": True}, "interleaved_qkv = True"),
    ("baichuan2-7b", {"rope_theta": 500000.0}, "rope_theta = 500000.0"),
    ("baichuan-7b", {"tie_word_embeddings": True}, "tie_word_embeddings = True"),
    ("baichuan-13b", {"model_max_length": None}, "neither max_position_embeddings"),
    ("glm-10b", {"rotary_type": "2d"}, "rotary_type = '2d'"),
    ("glm-10b", {"use_swiglu": True}, "use_swiglu = True"),
    ("glm-10b", {"unidirectional": True}, "unidirectional = True"),
    ("glm-10b", {"num_key_value_heads": 2}, "num_key_value_heads = 2"),
    ("glm-10b", {"intermediate_size": 100}, "intermediate_size = 100"),
]


@pytest.mark.parametrize(("name", "changes", "expected"), OTHERS, ids=[f"{name}-{what}" for name, _, what in OTHERS])
def test_what_would_load_wrong_is_refused_by_name(
    name: str, changes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    published = PUBLISHED[name]
    config = published.config | changes
    with pytest.raises(MftError, match="cannot be loaded truly") as caught:
        recognize_adapter(ADAPTERS.items(), config)
    assert expected in caught.value.message
    with pytest.raises(MftError, match="cannot be loaded truly"):
        load_base(ADAPTERS[published.adapter], write_config(tmp_path, config), torch.float32)


def test_an_attention_that_the_configuration_asks_for_is_not_looked_for(tmp_path: Path) -> None:
    """Published configurations name flash-attention, which is another package."""
    published = NATIVE["llama-2"]
    write_random_checkpoint(AutoConfig.from_pretrained(write_config(tmp_path, published.config)), tmp_path)
    write_config(tmp_path, {**published.config, "attn_implementation": "flash_attention_2"})
    build_empty(ADAPTERS["llama"].load_config(tmp_path), torch.float32)
    model = load_base(ADAPTERS["llama"], tmp_path, torch.float32, quantization=Quantization())
    assert check_packing(model, VOCABULARY) < 1e-4


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "qwen2_vl", "architectures": ["Qwen2VLForConditionalGeneration"]},
        {"model_type": "phi-msft", "architectures": ["PhiForCausalLM"]},
        {"architectures": ["LlamaForCausalLM"]},
    ],
    ids=["images", "remote code", "no type"],
)
def test_what_no_family_recognises_is_named(config: dict[str, Any]) -> None:
    with pytest.raises(MftError, match="No model adapter recognises") as caught:
        recognize_adapter(ADAPTERS.items(), config)
    assert str(config.get("model_type", "missing")) in caught.value.message
    assert config["architectures"][0] in caught.value.message


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("llama-2", {"hidden_size": "wide"}),
        ("llama-2", {"num_attention_heads": 0}),
        ("llama-2", {"rope_scaling": {"type": "linear"}}),
        ("qwen-3", {"layer_types": ["sideways", "sideways"]}),
    ],
    ids=["a word for a size", "no heads", "no factor", "unknown layers"],
)
def test_values_that_make_no_model_are_an_error_not_a_crash(name: str, changes: dict[str, Any], tmp_path: Path) -> None:
    published = NATIVE[name]
    write_random_checkpoint(AutoConfig.from_pretrained(write_config(tmp_path, published.config)), tmp_path)
    write_config(tmp_path, published.config | changes)
    adapter = ADAPTERS[published.adapter]
    with pytest.raises(MftError):
        load_base(adapter, tmp_path, torch.float32)
    with pytest.raises(MftError):
        build_empty(adapter.load_config(tmp_path), torch.float32)


def test_the_two_ways_to_scale_scores_compute_the_same(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """apply_query_key_layer_scaling divides and multiplies by the layer's number: published with either value."""
    found = []
    for scaled in (True, False):
        config = {**CONVERTED["chatglm2"].config, "apply_query_key_layer_scaling": scaled}
        assert recognize_adapter(ADAPTERS.items(), config) == "chatglm"
        with caplog.at_level(logging.WARNING):
            found.append(ADAPTERS["chatglm"].load_config(write_config(tmp_path, config)).to_dict())
    assert found[0] == found[1]
    assert not caplog.records
