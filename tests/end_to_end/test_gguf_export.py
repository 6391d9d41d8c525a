"""An exported model is the same model in a GGUF file by llama.cpp's own converter; docs/serving.md says how to get it.

LLAMA_CPP=llama_cpp_python-0.3.36/vendor/llama.cpp python -m pytest tests/end_to_end/test_gguf_export.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from helpers.running import mft, settings
from mft_core import load_model, load_tokenizer

CONVERTER = Path(os.environ.get("LLAMA_CPP", "")) / "convert_hf_to_gguf.py"
TEXT = "Write a function that adds two numbers.\n\ndef add(a, b):\n    return a + b  # 123 naïve"


@pytest.mark.skipif(not CONVERTER.is_file(), reason="LLAMA_CPP does not name llama.cpp's folder")
def test_an_exported_model_is_the_same_in_gguf(data: Path, tmp_path: Path) -> None:
    """The converter knows tokenizers of published models only, so this one has SmolLM2's."""
    base, run, merged, file = (tmp_path / name for name in ("base", "run", "merged", "mine.gguf"))
    load_tokenizer("smollm2").save_pretrained(base)
    config = LlamaConfig(
        vocab_size=49152, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(base)
    keys = settings("model.dtype=float32", "train.steps=3", "train.learning_rate=0.01", "train.callbacks=[]")
    assert mft("run", "--base", str(base), "--data", str(data), "--output", str(run), *keys) == 0
    assert mft("export", str(run), "--output", str(merged)) == 0
    command = [sys.executable, str(CONVERTER), str(merged), "--outfile", str(file), "--outtype", "f32"]
    environment = {**os.environ, "PYTHONPATH": str(CONVERTER.parent / "gguf-py")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours, theirs = load_tokenizer(merged), load_tokenizer(file)
    ids = ours(TEXT)["input_ids"]
    assert theirs(TEXT)["input_ids"] == ids
    assert theirs.chat_template == ours.chat_template
    with torch.no_grad():
        expected, found = (load_model(path)(torch.tensor([ids])).logits for path in (merged, file))
        untrained = load_model(base)(torch.tensor([ids])).logits
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert (untrained - expected).abs().max() > 1e-2, "the training does not show"
