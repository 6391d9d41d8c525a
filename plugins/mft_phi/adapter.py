"""Phi's two architectures, as transformers has them natively."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_core.interfaces import ModelAdapter

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Phi(ModelAdapter):
    """Phi-1 and 2: partly rotary, attention and MLP side by side. Phi-3 and 4: Llama's shape, fused projections."""

    native_types = ("phi", "phi3")
    lora_targets = (
        *("q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"),
        *("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    )

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A Phi-3 of two layers of width 64, two key-value heads for four heads."""
        from transformers import Phi3Config

        return Phi3Config(
            vocab_size=vocabulary_size,
            hidden_size=64,
            intermediate_size=192,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=4096,
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=None,
        )
