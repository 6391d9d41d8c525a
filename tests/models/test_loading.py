"""Models and tokenizers are loaded truly or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers.checkpoints import edit_config
from helpers.tiny_models import ADAPTERS, adapter_weights, config_of, load_tiny, write_checkpoint
from mft_bases.tiny import TOKENIZER
from mft_core.errors import MftError
from mft_core.models.building import build_empty
from mft_core.models.loading import check_vocabulary, load_base, load_tokenizer
from mft_core.testing.random_models import VOCABULARY, relative_difference
from mft_core.testing.tuned_models import tuned_model


def test_an_auto_map_beside_a_native_type_is_never_followed(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    edit_config(tmp_path, auto_map={"AutoModelForCausalLM": "evil.Evil", "AutoConfig": "evil.Config"})
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert type(load_base(ADAPTERS["llama"], tmp_path, torch.float32)).__name__ == "LlamaForCausalLM"
    assert not (tmp_path / "ran").exists()


def test_the_adapter_must_fit_the_checkpoint(tmp_path: Path) -> None:
    write_checkpoint("gpt_neox", tmp_path)
    with pytest.raises(MftError, match=r"Llama does not recognise the checkpoint.*gpt_neox"):
        load_base(ADAPTERS["llama"], tmp_path, torch.float32)


def test_a_float64_model_computes_what_plain_transformers_does(tmp_path: Path) -> None:
    ids = torch.arange(9)[None]
    model = load_tiny("llama", tmp_path, torch.float64)
    own = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64)
    logits = [each(input_ids=ids, use_cache=False).logits for each in (model, own)]
    assert logits[0].dtype == torch.float64
    assert relative_difference(*logits) < 1e-12


def test_a_tokenizer_gets_pad_token_and_family_template(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    for name, expected in (("<pad>", "<pad>"), (None, "<pad>")):
        tokenizer.pad_token = name
        tokenizer.save_pretrained(tmp_path)
        assert load_tokenizer(ADAPTERS["llama"], tmp_path).pad_token == expected
    assert load_tokenizer(ADAPTERS["llama"], tmp_path).chat_template is None
    assert load_tokenizer(ADAPTERS["qwen"], tmp_path).chat_template == ADAPTERS["qwen"].chat_template
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(ADAPTERS["qwen"], tmp_path).chat_template == tokenizer.chat_template


def test_a_folder_without_tokenizer_is_an_error(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    with pytest.raises(MftError, match="tokenizer"):
        load_tokenizer(ADAPTERS["llama"], tmp_path)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    with pytest.raises(MftError, match=f"up to 2047, but the model has {VOCABULARY} embeddings"):
        check_vocabulary(model, AutoTokenizer.from_pretrained(TOKENIZER))


def test_an_empty_model_counts_without_memory() -> None:
    model = tuned_model(build_empty(config_of("llama"), torch.bfloat16), rank=4)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert 0 < sum(p.numel() for p in adapter_weights(model).values()) < sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("key", ["vocab_size", "hidden_size", "intermediate_size"])
def test_a_configuration_far_larger_than_the_weights_takes_no_memory(key: str, tmp_path: Path) -> None:
    path = write_checkpoint("llama", tmp_path) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: 1 << 30}))
    with pytest.raises(MftError, match=r"config\.json wants a model of [\d,]{12,} numbers"):
        load_base(ADAPTERS["llama"], tmp_path, torch.float32)
