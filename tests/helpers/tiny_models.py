"""Tiny random checkpoints of every bundled architecture, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import (
    DeepseekV2Config,
    Gemma3TextConfig,
    GemmaConfig,
    Glm4Config,
    MistralConfig,
    MixtralConfig,
    PhiConfig,
    PreTrainedConfig,
    Qwen2MoeConfig,
    Qwen3Config,
    Qwen3MoeConfig,
    Starcoder2Config,
)

from mft_baichuan.adapter import Baichuan
from mft_chatglm.adapter import ChatGLM
from mft_core.interfaces import ModelAdapter
from mft_core.models.loading import load_base
from mft_core.testing.random_models import VOCABULARY, write_random_checkpoint
from mft_deepseek.adapter import DeepSeek
from mft_gemma.adapter import Gemma
from mft_glm.adapter import Glm
from mft_gpt_neox.adapter import GPTNeoX
from mft_llama.adapter import Llama
from mft_phi.adapter import Phi
from mft_qwen.adapter import Qwen
from mft_starcoder.adapter import StarCoder

ADAPTERS: dict[str, ModelAdapter] = {
    "llama": Llama(),
    "qwen": Qwen(),
    "starcoder": StarCoder(),
    "gpt_neox": GPTNeoX(),
    "baichuan": Baichuan(),
    "chatglm": ChatGLM(),
    "glm": Glm(),
    "phi": Phi(),
    "gemma": Gemma(),
    "deepseek": DeepSeek(),
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
EXPERTS = {**SMALL, "moe_intermediate_size": 64, "num_experts": 4, "num_experts_per_tok": 2}
# A value's head is narrower than a query's and a key's; the first of the two layers is dense.
LATENT = {
    **SMALL,
    "num_key_value_heads": 4,
    "moe_intermediate_size": 64,
    "first_k_dense_replace": 1,
    "q_lora_rank": None,
    "kv_lora_rank": 64,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 16,
    "v_head_dim": 16,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_shared_experts": 1,
}
GEMMA = {**SMALL, "head_dim": 16, "pad_token_id": None}


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
    "qwen2_moe": Architecture("qwen", Qwen2MoeConfig, {**EXPERTS, "shared_expert_intermediate_size": 64}),
    "qwen3_moe": Architecture("qwen", Qwen3MoeConfig, {**EXPERTS, "head_dim": 16}),
    "glm": Architecture("chatglm"),
    "glm4": Architecture("chatglm", Glm4Config, {**SMALL, "head_dim": 16, "pad_token_id": None}),
    "block_glm": Architecture("glm"),
    "gpt_bigcode": Architecture("starcoder"),
    "starcoder2": Architecture("starcoder", Starcoder2Config, {**SMALL, "sliding_window": WINDOW}),
    "gpt_neox": Architecture("gpt_neox"),
    "mistral": Architecture("llama", MistralConfig, {**SMALL, "sliding_window": WINDOW}),
    "mixtral": Architecture("llama", MixtralConfig, {**SMALL, "num_local_experts": 4}),
    "baichuan_alibi": Architecture("baichuan"),
    "phi": Architecture("phi", PhiConfig, {**SMALL, "attention_dropout": 0.0}),
    "phi3": Architecture("phi"),
    "gemma": Architecture("gemma", GemmaConfig, GEMMA),
    "gemma2": Architecture("gemma"),
    "gemma3_text": Architecture(
        "gemma", Gemma3TextConfig, {**GEMMA, "query_pre_attn_scalar": 16, "sliding_window": WINDOW}
    ),
    "deepseek_v2": Architecture("deepseek", DeepseekV2Config, LATENT),
    "deepseek_v3": Architecture("deepseek"),
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


def adapter_weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
