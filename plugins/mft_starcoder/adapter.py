"""StarCoder's two architectures, as transformers has them natively."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_core.interfaces import ModelAdapter
from mft_core.models.adapter import NO_TOKEN_IDS

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class StarCoder(ModelAdapter):
    """GPTBigCode: learned positions, one key-value head. StarCoder2: rotary ones, grouped queries, sliding window."""

    native_types = ("gpt_bigcode", "starcoder2")
    lora_targets = ("c_attn", "q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj")

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A GPTBigCode of two layers of width 64: the family's own shape, with what no other tiny model has."""
        from transformers import GPTBigCodeConfig

        return GPTBigCodeConfig(
            vocab_size=vocabulary_size,
            n_positions=4096,
            n_embd=64,
            n_layer=2,
            n_head=4,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            **NO_TOKEN_IDS,
        )
