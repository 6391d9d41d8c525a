"""The tiny base and its tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from helpers.bases import request
from helpers.tiny_models import ADAPTERS
from mft_bases.smollm2 import SmolLM2
from mft_bases.tiny import TOKENIZER, Tiny
from mft_core.errors import UsageError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import check_vocabulary, load_base, load_tokenizer
from mft_core.models.recognition import recognize_adapter

CODE = 'def größe(x: int) -> str:\n    """Doc."""\n    return f"{x + 1207}"  # 你好\n\n\n\tclass A:\r\n        pass\n'


@pytest.mark.parametrize("name", ADAPTERS)
def test_tiny_is_a_model_of_the_family_with_a_fitting_tokenizer(name: str, tmp_path: Path) -> None:
    folder = Tiny().fetch("", request(name, tmp_path))
    assert recognize_adapter(ADAPTERS.items(), read_config(folder)) == name
    model, tokenizer = load_base(ADAPTERS[name], folder, torch.float32), load_tokenizer(ADAPTERS[name], folder)
    check_vocabulary(model, tokenizer)
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert model.config.pad_token_id == tokenizer.pad_token_id
    assert sum(parameter.numel() for parameter in model.parameters()) < 1_000_000
    assert {path.parent for path in tmp_path.iterdir()} == {tmp_path}
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_tiny_is_the_same_every_time_and_made_once(tmp_path: Path) -> None:
    torch.manual_seed(1)
    first = Tiny().fetch("tiny", request("llama", tmp_path / "a"))
    written = (first / "model.safetensors").stat().st_mtime_ns
    torch.manual_seed(2)
    second = Tiny().fetch("tiny", request("llama", tmp_path / "b"))
    assert first.name == second.name
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    assert Tiny().fetch("", request("llama", tmp_path / "a")) == first
    assert (first / "model.safetensors").stat().st_mtime_ns == written


def test_tiny_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none is chosen"):
        Tiny().fetch("", request("", tmp_path))
    with pytest.raises(UsageError, match="nothing behind it"):
        Tiny().fetch("big", request("llama", tmp_path))
    assert Tiny.random_weights
    assert not SmolLM2.random_weights


def test_the_bundled_tokenizer_keeps_every_byte_and_is_small() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    assert len(tokenizer) == 2048
    ids = tokenizer(CODE).input_ids
    assert tokenizer.decode(ids) == CODE
    assert len(ids) < len(CODE.encode()) * 0.7
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<pad>", "<|im_start|>", "<|im_end|>", "<s>", "</s>"]) == [
        *range(6)
    ]
    assert tokenizer.chat_template is None
    assert sum(path.stat().st_size for path in TOKENIZER.iterdir()) < 200_000
