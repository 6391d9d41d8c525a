"""Llama's architecture with ALiBi instead of rotary positions: what the 13B Baichuans are.

Importing this module makes the model type known to transformers' Auto classes. It is a model type of its own: a
configuration that said "llama" would load everywhere, with rotary positions, and compute nonsense.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention

from mft_core.models.native_parts import PackedAttentionOnly, unrotated_heads
from mft_core.nn.packed_attention import packed_attention


class BaichuanAlibiConfig(LlamaConfig):
    """Llama's configuration; what it says about rotary positions is not used."""

    model_type = "baichuan_alibi"


class BaichuanAlibiAttention(LlamaAttention):
    """Attention without rotary positions, whose scores fall with distance.

    It calls packed attention itself, whichever implementation the model was loaded with: transformers' own ones would
    leave the slopes out without a word. Padding masks, caches and packed rows work as with any other model.
    """

    def forward(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor] | None = None,
        attention_mask: torch.Tensor | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, None]:
        """As in Llama; the rotary `position_embeddings` are not used."""
        query, key, value = unrotated_heads(self, hidden_states, past_key_values)
        attended, _ = packed_attention(
            self,
            query,
            key,
            value,
            attention_mask,
            dropout=self.attention_dropout if self.training else 0.0,
            scaling=self.scaling,
            alibi_slopes=alibi_slopes(query.shape[1], query.dtype, query.device),
            **kwargs,
        )
        return self.o_proj(attended.flatten(-2)), None


class BaichuanAlibiForCausalLM(PackedAttentionOnly, LlamaForCausalLM):
    """Llama with `BaichuanAlibiAttention` in every layer."""

    config_class = BaichuanAlibiConfig

    def __init__(self, config: BaichuanAlibiConfig) -> None:
        super().__init__(config)
        for index, layer in enumerate(self.model.layers):
            layer.self_attn = BaichuanAlibiAttention(config, index)
        self.post_init()


def alibi_slopes(heads: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """[heads]: what every token of distance costs (ALiBi, arXiv:2108.12409), in float32 or, if `dtype` is, float64.

    With n heads, n a power of two, head k of 1..n has 2^(-8k/n). Any other number takes those of the next lower power
    and then every second one, from the first, of the next higher.
    """
    power = 1 << (heads.bit_length() - 1)
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    lower = torch.arange(1, power + 1, dtype=exact, device=device) / power
    between = (2 * torch.arange(heads - power, dtype=exact, device=device) + 1) / (2 * power)
    return torch.exp2(-8 * torch.cat([lower, between]))


AutoConfig.register(BaichuanAlibiConfig.model_type, BaichuanAlibiConfig, exist_ok=True)
AutoModelForCausalLM.register(BaichuanAlibiConfig, BaichuanAlibiForCausalLM, exist_ok=True)
