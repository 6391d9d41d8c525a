"""Gemma's text architectures, as transformers has them natively."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError
from mft_core.interfaces import ModelAdapter
from mft_core.models.adapter import NO_TOKEN_IDS, TINY_SIZES
from mft_core.models.checkpoints.config import describe_config

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

WITH_IMAGES = ("gemma3", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text", "paligemma")


class Gemma(ModelAdapter):
    """Scaled embeddings tied to the head; Gemma 2: soft-capped scores and logits; 2 and 3: windows in some layers."""

    native_types = ("gemma", "gemma2", "gemma3_text", *WITH_IMAGES)
    lora_targets = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

    def check_supported(self, config: Mapping[str, Any]) -> None:
        """Refuse a Gemma that reads images or sound, or shares keys and values between its layers.

        Raises:
            MftError: as in `ModelAdapter`.
        """
        if config["model_type"] in WITH_IMAGES:
            raise MftError(
                f"This Gemma ({describe_config(config)}) is no plain language model: it reads images or sound, or "
                "has layers of a kind that packed attention does not suit.",
                "Use Gemma, CodeGemma, Gemma 2, or a text-only Gemma 3 (model_type gemma3_text, such as the 1B).",
            )
        super().check_supported(config)

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A Gemma 2 of two layers of width 64, the first one's attention in a window; what no other family has."""
        from transformers import Gemma2Config

        return Gemma2Config(
            vocab_size=vocabulary_size,
            num_key_value_heads=2,
            head_dim=16,
            query_pre_attn_scalar=16,
            sliding_window=256,
            **TINY_SIZES,
            **NO_TOKEN_IDS,
        )
