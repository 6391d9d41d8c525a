"""Checkpoints of no family: trained, exported, quantised, and refused by name where that would not be exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, BertConfig, GPT2Config, PreTrainedConfig

from helpers.finished_runs import logits, plain_logits
from helpers.running import arguments, events, mft, write_tasks
from helpers.tiny_models import ADAPTERS
from mft_auto.adapter import Auto
from mft_core.errors import MftError
from mft_core.models.adapter import NO_TOKEN_IDS
from mft_core.models.loading import load_base
from mft_core.models.quantization import Quantization
from mft_core.models.tiny_config import tiny_native_config
from mft_core.testing.packed_texts import move_weights
from mft_core.testing.random_models import VOCABULARY, relative_difference, write_random_checkpoint
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.testing.tuned_models import save_tuned, tuned_model
from mft_core.tuning.export import export_run
from mft_core.tuning.finished import load_run

ALL = {**ADAPTERS, "auto": Auto()}
TOLERANCE = 1e-3


def gpt2(vocabulary: int = VOCABULARY) -> PreTrainedConfig:
    return GPT2Config(vocab_size=vocabulary, n_embd=64, n_layer=2, n_head=4, **NO_TOKEN_IDS)


def tuned_gpt2(folder: Path, **settings: Any) -> Any:
    """A tuned model, saved as the run in `folder / "run"`."""
    base = write_random_checkpoint(gpt2(len(small_tokenizer())), folder / "base")
    quantization = Quantization() if settings.get("method") == "qlora" else None
    tuned = tuned_model(load_base(Auto(), base, torch.float32, quantization=quantization), rank=4, **settings)
    move_weights(tuned)
    save_tuned(tuned, small_tokenizer(), folder / "run" / "final")
    return tuned.eval()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "t5"}, "t5 checkpoint is an encoder-decoder"),
        ({"model_type": "bart", "is_encoder_decoder": True}, "bart checkpoint is an encoder-decoder"),
        ({"model_type": "vit"}, "no causal language model of the type 'vit'"),
        ({"model_type": "llava", "vision_config": {}}, "inputs other than text"),
        ({"model_type": "gpt2", "quantization_config": {"quant_method": "gptq"}}, "quantised before"),
    ],
)
def test_what_is_no_causal_language_model_is_refused_by_name(config: dict[str, Any], said: str) -> None:
    assert Auto().recognizes(config)
    with pytest.raises(MftError, match=said):
        Auto().check_supported(config)


def test_an_encoder_that_reads_both_ways_is_refused(tmp_path: Path) -> None:
    config = BertConfig(vocab_size=VOCABULARY, hidden_size=64, num_hidden_layers=1, num_attention_heads=2)
    model = load_base(Auto(), write_random_checkpoint(config, tmp_path), torch.float32)
    with pytest.raises(MftError, match="later tokens change"):
        Auto().test_rows(model, VOCABULARY, TOLERANCE)


@pytest.mark.parametrize(
    ("model_type", "packed", "said"),
    [
        ("cohere2", True, ""),
        ("doge", False, "beyond the number of tokens that a token of DogeForCausalLM sees"),
        ("mamba", False, "cannot run on packed rows"),
    ],
)
def test_rows_are_packed_only_where_that_holds_beyond_a_window(
    model_type: str, packed: bool, said: str, tmp_path: Path
) -> None:
    config = tiny_native_config(model_type, VOCABULARY)
    model = load_base(Auto(), write_random_checkpoint(config, tmp_path), torch.float32)
    test = Auto().test_rows(model, VOCABULARY, TOLERANCE)
    assert test.packed is packed
    assert said in test.reason


def test_attention_that_chooses_among_tokens_is_refused(tmp_path: Path) -> None:
    config = tiny_native_config("glm_moe_dsa", VOCABULARY)
    model = load_base(Auto(), write_random_checkpoint(config, tmp_path), torch.float32)
    with pytest.raises(MftError, match="chooses among earlier tokens"):
        Auto().test_rows(model, VOCABULARY, TOLERANCE)


@pytest.mark.slow
def test_an_adapter_beside_transposed_layers_is_the_same_in_plain_peft_and_merged(tmp_path: Path) -> None:
    tuned = tuned_gpt2(tmp_path)
    assert {name.split(".")[-4] for name, each in tuned.named_parameters() if each.requires_grad} == {
        *("c_attn", "c_proj", "c_fc")
    }
    made = export_run(tmp_path / "run", tmp_path / "out", ALL.items())
    of_adapter, of_merged = plain_logits(tmp_path / "run" / "final", made.folder)
    for found in (of_adapter, of_merged, logits(AutoModelForCausalLM.from_pretrained(made.folder))):
        assert relative_difference(found, logits(tuned)) < 1e-4


def test_an_adapter_beside_quantised_transposed_layers_merges_through_them(tmp_path: Path) -> None:
    tuned = tuned_gpt2(tmp_path, method="qlora")
    expected = logits(tuned)
    assert torch.equal(logits(load_run(tmp_path / "run", ALL.items())[0]), expected)
    made = export_run(tmp_path / "run", tmp_path / "out", ALL.items())
    assert relative_difference(logits(AutoModelForCausalLM.from_pretrained(made.folder)), expected) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_a_checkpoint_of_no_family_trains_and_answers(method: str, tmp_path: Path, capsys) -> None:
    tokenizer = small_tokenizer()
    write_random_checkpoint(gpt2(len(tokenizer)), tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    data, run = write_tasks(tmp_path / "data"), tmp_path / "run"
    command = arguments(data, run, "--base", str(tmp_path / "base"), "--steps", "3", "--set", f"tune.method={method}")
    place = command.index("--model")
    del command[place : place + 2]
    assert mft(*command) == 0
    assert len(events(run, "train")) == 3
    assert not [event for event in events(run, "warning") if "one sample" in event["message"]]
    capsys.readouterr()
    assert mft("generate", str(run), "--prompt", "a", "--max-new-tokens", "3", "--json") == 0


@pytest.mark.slow
def test_the_tiny_base_of_the_general_adapter_trains(tmp_path: Path) -> None:
    command = arguments(write_tasks(tmp_path / "data"), tmp_path / "run", "--steps", "2", "--base", "tiny")
    command[command.index("llama")] = "auto"
    assert mft(*command) == 0
    assert len(events(tmp_path / "run", "train")) == 2
