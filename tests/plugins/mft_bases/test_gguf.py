"""GGUF files as bases."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers.bases import request
from helpers.tiny_models import ADAPTERS
from mft_bases.folder import Folder
from mft_bases.tiny import TOKENIZER, Tiny
from mft_core.errors import MftError, UsageError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base, load_tokenizer
from mft_core.models.recognition import recognize_adapter, resolve_base

BASES = ("tiny", "smollm2", "pypi", "folder", "hub", "modelscope")
CODE = 'def größe(x: int) -> str:\n    """Doc."""\n    return f"{x + 1207}"  # 你好\n\n\n\tclass A:\r\n        pass\n'


@pytest.mark.slow
def test_a_gguf_file_is_converted_once_to_the_same_model(gguf: Path, tmp_path: Path) -> None:
    folder = Folder().fetch(str(gguf), request("", tmp_path / "cache"))
    config = read_config(folder)
    assert recognize_adapter(ADAPTERS.items(), config) == "llama"
    assert "quantization_config" not in config
    original = AutoModelForCausalLM.from_pretrained(Tiny().fetch("", request("llama", tmp_path / "tiny")))
    ids = torch.arange(1, 12)[None]
    model = load_base(ADAPTERS["llama"], folder, torch.float32)
    torch.testing.assert_close(model(input_ids=ids).logits, original(input_ids=ids).logits, rtol=1e-5, atol=1e-5)
    tokenizer = load_tokenizer(ADAPTERS["llama"], folder)
    assert tokenizer(CODE).input_ids == AutoTokenizer.from_pretrained(TOKENIZER)(CODE).input_ids
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert Folder().fetch(str(gguf.parent), request("", tmp_path / "cache")) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    os.utime(gguf, (1, 1))
    assert Folder().fetch(str(gguf), request("", tmp_path / "cache")) != folder


def test_a_gguf_file_is_a_base_and_what_is_none_is_refused(gguf: Path, tmp_path: Path) -> None:
    assert resolve_base(str(gguf), BASES) == ("folder", str(gguf))
    shutil.copy(gguf, gguf.with_name("other.gguf"))
    with pytest.raises(UsageError, match=r"several GGUF files: other\.gguf, small\.gguf"):
        Folder().fetch(str(gguf.parent), request("", tmp_path / "cache"))
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(20))
    with pytest.raises(MftError, match=r"broken\.gguf cannot be read"):
        Folder().fetch(str(tmp_path / "broken.gguf"), request("", tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) == []
