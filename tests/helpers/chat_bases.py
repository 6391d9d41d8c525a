"""Tiny chat models in folders, and a data set that they learn by heart in seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from helpers.running import mft, settings
from mft_bases.tiny import TOKENIZER
from mft_tokenization.templates import CHATML


def write_chat_base(
    folder: Path, template: str = CHATML, *added: AddedToken, eos: str = "<|endoftext|>"
) -> tuple[LlamaForCausalLM, Any]:
    """A random Llama with a chat template, whose generation settings name the tokenizer's end token alone."""
    backend = Tokenizer.from_file(str(TOKENIZER / "tokenizer.json"))
    backend.add_tokens(list(added))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=eos, pad_token="<pad>")
    tokenizer.chat_template = template
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=max(backend.get_vocab().values()) + 1, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id, initializer_range=0.06,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer


def learn_yes(base: Path, output: Path, method: str = "full") -> Path:
    """A run after which "say 1" .. "say 6" are answered by "yes"."""
    data = output.parent / "data" / "yes"
    data.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"prompt": f"say {number}", "response": "yes"}) for number in range(1, 7)]
    (data / "train.jsonl").write_text("\n".join(lines))
    more = settings(
        f"tune.method={method}", "tune.rank=32", "train.learning_rate=0.005", "train.batch_size=8",
        "train.eval_every=0", "train.save_every=0", "model.dtype=float32",
    )  # fmt: skip
    command = ("run", "--base", str(base), "--data", str(data.parent), "--output", str(output), "--steps", "120")
    assert mft(*command, *more) == 0
    return output
