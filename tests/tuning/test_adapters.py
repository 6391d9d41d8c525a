"""Adapters of PEFT's that do not fit, or not wholly, are refused in our words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from helpers.running import mft
from helpers.tiny_models import adapter_of, write_checkpoint
from mft_core.errors import MftError
from mft_core.models.loading import load_base
from mft_core.tuning.adapters import load_adapter
from mft_core.tuning.fingerprint import ADAPTER_WEIGHTS

# What PEFT advises while these adapters are made.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

MANY = {"base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight": torch.zeros(4, 64)}


def written(folder: Path, **options: Any) -> Path:
    """A LoRA adapter by PEFT on a tiny Llama, which lies beside it."""
    model: Any = AutoModelForCausalLM.from_pretrained(write_checkpoint("llama", folder / "base"))
    if rows := options.pop("rows", None):
        model.resize_token_embeddings(rows)
    config = LoraConfig(r=4, task_type="CAUSAL_LM", target_modules=["q_proj"], **options)
    get_peft_model(model, config).save_pretrained(folder / "adapter")
    return folder / "adapter"


def base_of(adapter: Path) -> Any:
    return load_base(adapter_of("llama"), adapter.parent / "base", torch.float32)


@pytest.mark.parametrize("how", [{"modules_to_save": ["lm_head", "embed_tokens"]}, {}], ids=["saved modules", "auto"])
def test_resized_embeddings_are_named_with_what_helps(how: dict[str, Any], tmp_path: Path) -> None:
    adapter = written(tmp_path, rows=140, **how)
    with pytest.raises(
        MftError, match=r"(embed_tokens|lm_head)\S* is \[140, 64\] in the adapter and \[128, 64\]"
    ) as it:
        load_adapter(base_of(adapter), adapter)
    assert "Resize the base's embeddings" in it.value.hint
    resized: Any = LlamaForCausalLM.from_pretrained(tmp_path / "base")
    resized.resize_token_embeddings(140)
    assert load_adapter(resized, adapter).get_input_embeddings().weight.shape == (140, 64)


def test_the_command_line_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = written(tmp_path, rows=140, modules_to_save=["lm_head", "embed_tokens"])
    assert mft("export", str(adapter), "--output", str(tmp_path / "out")) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "does not fit its base" in said
    assert "size mismatch" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda weights: dict(list(weights.items())[1:]), "weights are incomplete"),
        (lambda weights: {**weights, **MANY}, r"holds 1 weights that its base has no place for, such as .*layers\.9"),
        (lambda weights: {name: tensor[:, :1] for name, tensor in weights.items()}, r"is \[4, 1\] in the adapter"),
    ],
    ids=["missing", "unused", "misshapen"],
)
def test_weights_that_would_be_left_out_are_an_error(change: Any, reason: str, tmp_path: Path) -> None:
    adapter = written(tmp_path)
    load_adapter(base_of(adapter), adapter)
    save_file(
        {k: t.contiguous() for k, t in change(load_file(adapter / ADAPTER_WEIGHTS)).items()}, adapter / ADAPTER_WEIGHTS
    )
    with pytest.raises(MftError, match=reason):
        load_adapter(base_of(adapter), adapter)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (ADAPTER_WEIGHTS, b"\xff" * 40),
        (ADAPTER_WEIGHTS, b""),
        ("adapter_config.json", b"{}"),
        ("adapter_config.json", b'{"peft_type": "NONE"}'),
        ("adapter_config.json", b'{"peft_type": "LORA", "r": "x", "target_modules": ["q_proj"]}'),
    ],
)
def test_broken_files_are_an_error_with_their_folder(name: str, content: bytes, tmp_path: Path) -> None:
    adapter = written(tmp_path)
    (adapter / name).write_bytes(content)
    with pytest.raises(MftError, match=f"The adapter in {adapter} cannot be loaded"):
        load_adapter(base_of(adapter), adapter)


@pytest.mark.slow
@pytest.mark.parametrize("key", ["rank_pattern", "target_modules"])
def test_a_pattern_that_takes_for_ever_is_named(key: str, tmp_path: Path) -> None:
    adapter = written(tmp_path)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    hanging = r"(([a-z_.0-9])+)+!"
    settings[key] = {hanging: 8} if key == "rank_pattern" else hanging
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    with pytest.raises(MftError, match=r"adapter_config\.json holds a pattern .*\+!\S* takes more than"):
        load_adapter(base_of(adapter), adapter)


def test_a_pattern_that_is_none_is_named_and_others_are_matched(tmp_path: Path) -> None:
    adapter = written(tmp_path)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**settings, "target_modules": r".*\.(q_proj|x)"}))
    load_adapter(base_of(adapter), adapter)
    (adapter / "adapter_config.json").write_text(json.dumps({**settings, "rank_pattern": {"q_proj(": 8}}))
    with pytest.raises(MftError, match=r"q_proj\(\S* fails: missing \)"):
        load_adapter(base_of(adapter), adapter)
