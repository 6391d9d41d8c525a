"""A GGUF file."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers.bases import request
from helpers.gguf_files import write_gguf
from mft_bases.tiny import Tiny


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    """A GGUF file in a folder of its own."""
    base = Tiny().fetch("", request("llama", tmp_path / "tiny"))
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    (tmp_path / "files").mkdir()
    return write_gguf(tmp_path / "files" / "small.gguf", model, tokenizer, "smollm")
