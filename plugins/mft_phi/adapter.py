"""Phi's two architectures, as transformers has them natively."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mft_core.interfaces import ModelAdapter
from mft_core.models.adapter import NO_TOKEN_IDS, TINY_SIZES
from mft_core.models.checkpoints.refusals import ROTARY, refuse, rotary_kinds

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Phi(ModelAdapter):
    """Phi-1 and 2: partly rotary, attention and MLP side by side. Phi-3 and 4: Llama's shape, fused projections."""

    native_types = ("phi", "phi3")
    lora_targets = (
        *("q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"),
        *("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    )

    def check_supported(self, config: Mapping[str, Any]) -> None:
        """Refuse YaRN in Phi-3, for which transformers computes LongRoPE without a word.

        Raises:
            MftError: as in `ModelAdapter`.
        """
        super().check_supported(config)
        kinds = {kind for key in ROTARY for kind in rotary_kinds(config.get(key))}
        if config["model_type"] == "phi3" and "yarn" in kinds:
            refuse("phi3 checkpoint", ["rotary positions of the type 'yarn'"])

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A Phi-3 of two layers of width 64, two key-value heads for four heads."""
        from transformers import Phi3Config

        return Phi3Config(vocab_size=vocabulary_size, num_key_value_heads=2, **TINY_SIZES, **NO_TOKEN_IDS)
