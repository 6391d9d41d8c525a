"""GPT-NeoX, as transformers has it natively."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_core.interfaces import ModelAdapter

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class GPTNeoX(ModelAdapter):
    """Rotary positions on a part of each head, attention and MLP side by side; chat roles are MFTCoder's."""

    native_types = ("gpt_neox",)
    lora_targets = ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h")

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """Two layers of width 64, four heads."""
        from transformers import GPTNeoXConfig

        return GPTNeoXConfig(
            vocab_size=vocabulary_size,
            hidden_size=64,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=4096,
        )
