"""GLM-10B's architecture: GPT-2's blocks, two learnt positions for every token, prompts that are read both ways.

Importing this module makes the model type known to transformers' Auto classes. The blocks are Starcoder2's, which have
the same parts (biased linear layers, layer norms, a GELU MLP) and rotary positions that are left out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, Starcoder2Config, Starcoder2ForCausalLM, Starcoder2Model
from transformers.models.starcoder2.modeling_starcoder2 import Starcoder2Attention

from mft_core.models.native_parts import PackedAttentionOnly, unrotated_heads
from mft_core.nn.document_attention import Document, Scoring, attend_block, computable
from mft_core.nn.packed_attention import PackedDocuments, packed_attention
from mft_glm.rows import Markers, packed_rows, plain_rows


class BlockGlmConfig(Starcoder2Config):
    """Starcoder2's configuration and the tokens by which prompt and answer are told apart; nothing in it is rotary."""

    model_type = "block_glm"
    start_token_id: int | None = None
    mask_token_ids: list[int] | None = None


class BlockGlmAttention(Starcoder2Attention):
    """Attention without rotary positions, in both directions inside `prompts`."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor] | None = None,
        attention_mask: torch.Tensor | None = None,
        past_key_values: Any = None,
        prompts: Sequence[Document] = (),
        **kwargs: Any,
    ) -> tuple[torch.Tensor, None]:
        """As in Starcoder2; the rotary `position_embeddings` are not used.

        Args:
            prompts: (row, start, end) of prompts in packed rows; elsewhere `attention_mask` says it all.
        """
        query, key, value = unrotated_heads(self, hidden_states, past_key_values)
        scoring = Scoring(self.scaling, self.attention_dropout if self.training else 0.0)
        attended, _ = packed_attention(
            self, query, key, value, attention_mask, dropout=scoring.dropout, scaling=scoring.scale, **kwargs
        )
        if prompts:
            attended = both_ways(attended, query, key, value, prompts, scoring)
        return self.o_proj(attended.flatten(-2)), None


def both_ways(
    attended: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    prompts: Sequence[Document],
    scoring: Scoring,
) -> torch.Tensor:
    """[B, S, heads, D]: `attended`, with attention in both directions inside the prompts.

    Args:
        query: [B, heads, S, D], and so are `key` and `value`.
        prompts: (row, start, end), none empty.
    """
    width, lengths = query.shape[2], [end - start for _, start, end in prompts]
    ranges = [torch.arange(row * width + start, row * width + end) for row, start, end in prompts]
    places = torch.cat(ranges).to(query.device)
    parts = [
        computable(states).transpose(1, 2).flatten(0, 1).index_select(0, places).split(lengths)
        for states in (query, key, value)
    ]
    everything = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=query.device)
    found = []
    for part in zip(*parts, strict=True):
        queries, keys, values = (states.transpose(0, 1)[None] for states in part)
        found.append(attend_block(queries, keys, values, everything, scoring)[0].transpose(0, 1))
    return attended.flatten(0, 1).index_copy(0, places, torch.cat(found).to(attended.dtype)).view_as(attended)


class BlockGlmModel(Starcoder2Model):
    """The decoder, with one more learnt position for the place in an answer."""

    config_class = BlockGlmConfig

    def __init__(self, config: BlockGlmConfig) -> None:
        super().__init__(config)
        for index, layer in enumerate(self.layers):
            layer.self_attn = BlockGlmAttention(config, index)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings + 1, config.hidden_size)
        self.block_position_embeddings = nn.Embedding(config.max_position_embeddings + 1, config.hidden_size)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: torch.Tensor | None = None,
        documents: PackedDocuments | None = None,
        **kwargs: Any,
    ) -> Any:
        """As in any decoder; prompts and positions are read off `input_ids` where they are not given.

        Args:
            attention_mask: as for `mft_glm.rows.plain_rows`.
            position_ids: the same.
            documents: of packed rows, whose `position_ids` [B, S] restart with every document.
        """
        embeddings = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        # Without ids no start token is found; no token has the id -1.
        ids = torch.full_like(embeddings[..., 0], -1, dtype=torch.int64) if input_ids is None else input_ids
        markers = Markers(self.config.start_token_id, self.config.mask_token_ids or [])
        if documents is not None and position_ids is not None:
            rows = packed_rows(ids, attention_mask, position_ids, documents, markers)
            kwargs |= {"documents": documents, "prompts": rows.prompts}
        else:
            past = past_key_values.get_seq_length() if past_key_values is not None else 0
            rows = plain_rows(ids, attention_mask, position_ids, past, markers)
        positions = self.position_embeddings(rows.positions[:, 0])
        return super().forward(
            inputs_embeds=embeddings + positions + self.block_position_embeddings(rows.positions[:, 1]),
            attention_mask=rows.mask,
            position_ids=rows.index,
            past_key_values=past_key_values,
            **kwargs,
        )


class BlockGlmForCausalLM(PackedAttentionOnly, Starcoder2ForCausalLM):
    """The decoder with a head that is tied to the embeddings."""

    config_class = BlockGlmConfig

    def __init__(self, config: BlockGlmConfig) -> None:
        super().__init__(config)
        self.model = BlockGlmModel(config)
        self.post_init()

    def prepare_inputs_for_generation(self, input_ids: torch.Tensor, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As in transformers, with the positions of new tokens, which depend on where the prompt ended."""
        inputs = super().prepare_inputs_for_generation(input_ids, *args, **kwargs)
        new, mask = inputs["input_ids"].shape[1], kwargs.get("attention_mask")
        if new < input_ids.shape[1]:
            markers = Markers(self.config.start_token_id, self.config.mask_token_ids or [])
            whole = plain_rows(input_ids, mask, None, 0, markers)
            inputs["position_ids"] = whole.positions[..., -new:]
        return inputs


AutoConfig.register(BlockGlmConfig.model_type, BlockGlmConfig, exist_ok=True)
AutoModelForCausalLM.register(BlockGlmConfig, BlockGlmForCausalLM, exist_ok=True)
