"""The Python API: what a path names is recognised, loaded or refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers.original_checkpoints import original_config, write_original_checkpoint
from helpers.weights import same
from mft_core import load_model, load_tokenizer
from mft_core.errors import MftError, UsageError
from mft_core.testing.random_models import logits_alone, random_ids


def test_load_model_recognises_and_refuses(tmp_path: Path) -> None:
    native = write_original_checkpoint("qwen", tmp_path)
    assert same(load_model(tmp_path).state_dict(), native)
    assert load_model(str(tmp_path), adapter="qwen", dtype="bfloat16").dtype == torch.bfloat16
    with pytest.raises(UsageError, match="--model chatglm does not fit") as caught:
        load_model(tmp_path, adapter="chatglm")
    assert caught.value.hint == "Use --model qwen."
    with pytest.raises(UsageError, match="no dtype"):
        load_model(tmp_path, dtype="float23")
    with pytest.raises(UsageError, match="nowhere"):
        load_model(tmp_path / "nowhere")


def test_a_converted_model_can_be_quantised_while_it_loads(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    write_original_checkpoint("qwen", tmp_path)
    dense, quantised = load_model(tmp_path), load_model(tmp_path, quantize="nf4")
    names = [name for name, module in quantised.named_modules() if type(module).__name__ == "Linear4bit"]
    assert len(names) == 14
    ids = random_ids(20)
    with torch.no_grad():
        found, expected = logits_alone(quantised, ids), logits_alone(dense, ids)
    assert 0 < (found - expected).norm() / expected.norm() < 0.5


def test_a_small_checkpoint_without_tokenizer_reads_bytes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_original_checkpoint("chatglm", tmp_path)
    config = {**original_config("chatglm"), "padded_vocab_size": 259}
    (tmp_path / "config.json").write_text(json.dumps(config))
    tokenizer = load_tokenizer(tmp_path)
    assert "its tokens are taken for bytes" in caplog.text
    assert len(tokenizer) == 259
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (config["pad_token_id"], config["eos_token_id"])
    text = " naïve\t世界 \x00\n🦜  "
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids == [3 + byte for byte in text.encode()]
    assert tokenizer.decode(ids) == text
    for size in (258, 65024):
        (tmp_path / "config.json").write_text(json.dumps({**config, "padded_vocab_size": size}))
        with pytest.raises(MftError, match="holds no tokenizer"):
            load_tokenizer(tmp_path)


def test_importing_the_api_imports_no_torch() -> None:
    code = "import sys, mft_core; mft_core.load_model; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
