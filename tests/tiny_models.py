"""Tiny random checkpoints of every bundled architecture, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig, Qwen3Config, Starcoder2Config

from mft_core.interfaces import ModelAdapter
from mft_core.modeling import load_base
from mft_core.testing.random_models import VOCABULARY, write_random_checkpoint
from mft_gpt_neox.adapter import GPTNeoX
from mft_llama.adapter import Llama
from mft_qwen.adapter import Qwen
from mft_starcoder.adapter import StarCoder

ADAPTERS: dict[str, ModelAdapter] = {
    "llama": Llama(),
    "qwen": Qwen(),
    "starcoder": StarCoder(),
    "gpt_neox": GPTNeoX(),
}
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "bos_token_id": None,
    "eos_token_id": None,
}
WINDOW = 5


@dataclass(frozen=True)
class Architecture:
    """One architecture: the adapter that serves it, and a small configuration; None: the adapter's own tiny one."""

    adapter: str
    config_class: type[PreTrainedConfig] | None = None
    options: dict[str, Any] = field(default_factory=dict)


ARCHITECTURES = {
    "llama": Architecture("llama"),
    "qwen2": Architecture("qwen"),
    "qwen3": Architecture("qwen", Qwen3Config, {**SMALL, "head_dim": 16}),
    "gpt_bigcode": Architecture("starcoder"),
    "starcoder2": Architecture("starcoder", Starcoder2Config, {**SMALL, "sliding_window": WINDOW}),
    "gpt_neox": Architecture("gpt_neox"),
}


def adapter_of(architecture: str) -> ModelAdapter:
    return ADAPTERS[ARCHITECTURES[architecture].adapter]


def config_of(architecture: str) -> PreTrainedConfig:
    chosen = ARCHITECTURES[architecture]
    if chosen.config_class:
        return chosen.config_class(**chosen.options)
    return ADAPTERS[chosen.adapter].tiny_config(VOCABULARY)


def write_checkpoint(architecture: str, folder: Path, seed: int = 0) -> Path:
    return write_random_checkpoint(config_of(architecture), folder, seed)


def load_tiny(architecture: str, folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    return load_base(adapter_of(architecture), write_checkpoint(architecture, folder), dtype)
