"""GPT-NeoX, as transformers has it natively."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_core.interfaces import ModelAdapter
from mft_core.models.adapter import TINY_SIZES

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class GPTNeoX(ModelAdapter):
    """Rotary positions on a part of each head, attention and MLP side by side; chat roles are MFTCoder's."""

    native_types = ("gpt_neox",)
    lora_targets = ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h")

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """Two layers of width 64, four heads."""
        from transformers import GPTNeoXConfig

        return GPTNeoXConfig(vocab_size=vocabulary_size, **{**TINY_SIZES, "intermediate_size": 256})
