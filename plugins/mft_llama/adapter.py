"""Llama, as transformers has it natively."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mft_core.interfaces import ModelAdapter

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Llama(ModelAdapter):
    """Rotary positions, RMSNorm, gated MLP, grouped-query attention. The family shares no chat template."""

    lora_targets = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """Native configurations, whatever the checkpoint is called."""
        return config.get("model_type") == "llama"

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """Two layers of width 64, two key-value heads for four heads."""
        from transformers import LlamaConfig

        return LlamaConfig(
            vocab_size=vocabulary_size,
            hidden_size=64,
            intermediate_size=192,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=4096,
        )
