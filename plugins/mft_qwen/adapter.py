"""Qwen, as transformers has it natively."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mft_core.interfaces import ModelAdapter

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


class Qwen(ModelAdapter):
    """Llama's shape with biased query, key and value (Qwen2) or normalised query and key (Qwen3); ChatML."""

    lora_targets = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    chat_template = CHATML

    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """Native dense configurations."""
        return config.get("model_type") in ("qwen2", "qwen3")

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A Qwen2 of two layers of width 64, two key-value heads for four heads."""
        from transformers import Qwen2Config

        return Qwen2Config(
            vocab_size=vocabulary_size,
            hidden_size=64,
            intermediate_size=192,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=4096,
        )
