"""An adapter of any origin is merged into a model that computes the same, or not at all."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import IA3Config, LoHaConfig, LoraConfig, PeftConfig, PrefixTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

from helpers.finished_runs import logits
from helpers.tiny_models import ADAPTERS, SMALL
from mft_core.errors import MftError
from mft_core.models.tokenizers.byte_level import BYTE_VOCABULARY
from mft_core.testing.random_models import relative_difference
from mft_core.tuning.export import export_run
from mft_core.tuning.merging import check_merged, merge, recorded_calls


def lora(*targets: str, **options: Any) -> LoraConfig:
    return LoraConfig(r=4, task_type="CAUSAL_LM", target_modules=list(targets), **options)


# What PEFT advises while these adapters are made.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


ON_ENDS: dict[str, tuple[PeftConfig, bool]] = {
    "head": (lora("q_proj", "lm_head"), False),
    "embeddings": (lora("q_proj", "embed_tokens"), False),
    "each its own": (lora("lm_head", "embed_tokens"), False),
    "one for both": (lora("embed_tokens", ensure_weight_tying=True), True),
    "head with DoRA": (lora("lm_head", use_dora=True), False),
    "head saved": (lora("q_proj", modules_to_save=["lm_head"]), False),
    "embeddings saved": (lora("q_proj", modules_to_save=["embed_tokens"]), False),
    "both saved as one": (lora("q_proj", modules_to_save=["embed_tokens"], ensure_weight_tying=True), True),
    "some tokens": (lora("q_proj", trainable_token_indices=[3, 5]), True),
}
"""Adapters on the head or the embeddings of a model that ties them, and whether both come out equal."""

ELSEWHERE: dict[str, PeftConfig] = {
    "ranks of their own": lora(
        "q_proj", "down_proj", rank_pattern={"layers.0.*q_proj": 8}, alpha_pattern={"down_proj": 32}
    ),
    "DoRA": lora("q_proj", use_dora=True),
    "rsLoRA": lora("q_proj", use_rslora=True),
    "biases": lora("q_proj", bias="all"),
    "norms": lora("q_proj", modules_to_save=["norm", "input_layernorm"]),
    "whole modules": lora("q_proj", modules_to_save=["mlp"]),
    "IA3": IA3Config(task_type="CAUSAL_LM", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]),
    "LoHa": LoHaConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"]),
}


def base(folder: Path, tied: bool, dtype: torch.dtype = torch.float32) -> Path:
    """A tiny Llama, with the bytes for tokens."""
    torch.manual_seed(0)
    options = {**SMALL, "vocab_size": BYTE_VOCABULARY, "tie_word_embeddings": tied, "initializer_range": 0.1}
    AutoModelForCausalLM.from_config(LlamaConfig(**options), dtype=dtype).save_pretrained(folder)
    return folder


def adapted(config: PeftConfig, folder: Path, size: float = 0.1) -> Any:
    """PEFT's model on the base in `folder`, its adapter moved."""
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), copy.deepcopy(config)).eval()
    torch.manual_seed(1)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += size * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize("name", ON_ENDS)
def test_head_and_embeddings_that_were_one_are_untied_where_they_came_to_differ(name: str, tmp_path: Path) -> None:
    config, tied = ON_ENDS[name]
    model = adapted(config, base(tmp_path / "base", tied=True))
    model.save_pretrained(tmp_path / "adapter")
    made = export_run(tmp_path / "adapter", tmp_path / "out", ADAPTERS.items())
    exported = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert relative_difference(logits(exported), logits(model)) < 1e-5
    assert made.merge_difference < 1e-5
    assert exported.config.tie_word_embeddings is tied
    assert (exported.lm_head.weight is exported.model.embed_tokens.weight) is tied


@pytest.mark.parametrize("name", ELSEWHERE)
def test_other_adapters_of_peft_are_merged_as_they_compute(name: str, tmp_path: Path) -> None:
    model = adapted(ELSEWHERE[name], base(tmp_path / "base", tied=False))
    model.save_pretrained(tmp_path / "adapter")
    export_run(tmp_path / "adapter", tmp_path / "out", ADAPTERS.items())
    assert relative_difference(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "out")), logits(model)) < 1e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_rounding_to_half_precision_is_no_failure(dtype: torch.dtype, tmp_path: Path) -> None:
    model = adapted(ON_ENDS["each its own"][0], base(tmp_path / "base", tied=True, dtype=dtype), size=0.02)
    model.save_pretrained(tmp_path / "adapter")
    made = export_run(tmp_path / "adapter", tmp_path / "out", ADAPTERS.items())
    assert 1e-4 < made.merge_difference < 0.05


def test_the_format_of_a_base_that_ties_them_has_no_place_for_two(tmp_path: Path) -> None:
    adapted(ON_ENDS["head"][0], base(tmp_path / "base", tied=True)).save_pretrained(tmp_path / "adapter")
    with pytest.raises(MftError, match="which the base holds as one matrix") as caught:
        export_run(tmp_path / "adapter", tmp_path / "out", ADAPTERS.items(), format="original")
    assert "--format merged" in caught.value.hint
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_layer_that_computes_something_else_is_named(dtype: torch.dtype, tmp_path: Path) -> None:
    """Off by a tenth of what the adapter adds, in one layer of many."""
    model = adapted(lora("q_proj", "down_proj"), base(tmp_path / "base", tied=False, dtype=dtype))
    with recorded_calls(model) as calls:
        logits(model)
    layer = model.get_base_model().model.layers[1].mlp.down_proj
    delta = layer.get_delta_weight("default").detach()
    merged = merge(model)
    check_merged(merged, calls)
    merged.model.layers[1].mlp.down_proj.weight.data += 0.1 * delta.to(dtype)
    with pytest.raises(MftError, match=r"model\.layers\.1\.mlp\.down_proj gives numbers .* than|as rounding explains"):
        check_merged(merged, calls)
    merged.model.layers[1].mlp.down_proj.weight.data[3, 3] = torch.nan
    with pytest.raises(MftError, match=r"model\.layers\.1\.mlp\.down_proj gives numbers that are not finite"):
        check_merged(merged, calls)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3), "PREFIX_TUNING cannot be merged"),
        (lora("q_proj", lora_bias=True), "the base layer has no bias"),
        (lora("q_proj", layer_replication=[[0, 2], [1, 2]]), r"layers\.\d\.self_attn\.q_proj gives numbers"),
    ],
    ids=["prefix", "bias", "replicated layers"],
)
def test_what_is_no_change_of_weights_is_refused(config: PeftConfig, reason: str, tmp_path: Path) -> None:
    adapted(config, base(tmp_path / "base", tied=False)).save_pretrained(tmp_path / "adapter")
    with pytest.raises(MftError, match=reason) as caught:
        export_run(tmp_path / "adapter", tmp_path / "out", ADAPTERS.items())
    assert "--format adapter" in caught.value.hint
    assert not (tmp_path / "out").exists()
