"""A model family: Llama's layers under a model_type of its own, registered with transformers' Auto classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from mft_core.interfaces import ModelAdapter


class ToyConfig(LlamaConfig):
    """Llama's configuration, told apart by its model_type."""

    model_type = "mft_toy"


class ToyForCausalLM(LlamaForCausalLM):
    """Llama's layers."""

    config_class = ToyConfig


AutoConfig.register(ToyConfig.model_type, ToyConfig)
AutoModelForCausalLM.register(ToyConfig, ToyForCausalLM)


class Toy(ModelAdapter):
    """How mft recognises, tunes and imitates the family."""

    lora_targets = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """By the model_type that `ToyConfig` writes."""
        return config.get("model_type") == ToyConfig.model_type

    def tiny_config(self, vocabulary_size: int) -> ToyConfig:
        """Two layers of width 64."""
        return ToyConfig(
            vocab_size=vocabulary_size,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=4096,
        )
