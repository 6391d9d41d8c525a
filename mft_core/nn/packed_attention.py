"""Packed attention: documents that share a row never see each other, and no mask of a whole row is ever built.

Registered with transformers under the name `PACKED_ATTENTION`. A forward that carries `packed_inputs(documents)` runs
causal attention once per document (`mft_core.nn.document_attention` says how). Any other forward (generation, padded
rows) is transformers' own "sdpa", or plain operations for the softcaps, sinks and ALiBi slopes that "sdpa" does not
have. A layer with ALiBi passes `alibi_slopes` ([heads], as flash-attention calls them); distances count inside a
document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from mft_core.errors import MftError
from mft_core.nn.document_attention import (
    Document,
    DocumentLayout,
    Scoring,
    attend_block,
    attend_documents,
    computable,
    lay_out,
)
from mft_core.records import Batch

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

BatchInputs = Callable[[Batch], dict[str, Any]]
"""A batch as keyword arguments of a model's forward."""

PACKED_ATTENTION = "mft_packed"
UNSUPPORTED = ("position_bias",)


class PackedDocuments:
    """Where a batch's documents lie; what attention derives from it is derived once per forward, not per layer.

    Args:
        documents: (row, start, end) of every document; a position in none of them attends to nothing.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = tuple(documents)
        self._layout: DocumentLayout | None = None

    def layout(self, rows: int, width: int) -> DocumentLayout:
        """How they cut `rows` x `width` tokens.

        Raises:
            ValueError: a document is empty, overlaps another one or lies outside.
        """
        if self._layout is None or (self._layout.rows, self._layout.width) != (rows, width):
            self._layout = lay_out(self.documents, rows, width)
        return self._layout


def register_packed_attention() -> None:
    """Make `attn_implementation=PACKED_ATTENTION` known to transformers; calling it again changes nothing."""
    AttentionInterface.register(PACKED_ATTENTION, packed_attention)
    AttentionMaskInterface.register(PACKED_ATTENTION, sdpa_mask)


def suitable_attention(config: PreTrainedConfig) -> str:
    """What to load a model of this configuration with: `PACKED_ATTENTION`, or the best of its own.

    Old architectures of transformers (Falcon, GPT-J) know no attention functions but their own.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    model_class = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    if model_class is None or model_class._supports_attention_backend:
        return PACKED_ATTENTION
    return "sdpa" if model_class._supports_sdpa else "eager"


def packed_inputs(documents: Iterable[Document]) -> dict[str, Any]:
    """Keyword arguments for a model's forward over packed rows, beside `input_ids` and `position_ids`.

    Args:
        documents: (row, start, end) of every document; a position in none of them attends to nothing.
    """
    # transformers hands a 4-D mask on as it is: this placeholder keeps it from building one of [B, 1, S, S].
    placeholder = torch.ones(1, 1, 1, 1, dtype=torch.bool)
    return {"documents": PackedDocuments(documents), "attention_mask": placeholder, "use_cache": False}


def packed_batch_inputs(batch: Batch) -> dict[str, Any]:
    """Keyword arguments of an ordinary decoder's forward over a batch."""
    return {"input_ids": batch.input_ids, "position_ids": batch.position_ids, **packed_inputs(batch.documents)}


def padded_inputs(real: torch.Tensor) -> dict[str, Any]:
    """Keyword arguments for a model's forward over rows of one sample each, beside `input_ids`.

    Args:
        real: bool [B, S], False where padding is, at the end of a row.
    """
    mask = real.long()
    mask[:, 0] = 1  # a row of nothing but padding: a softmax over no token at all is not a number
    return {"attention_mask": mask, "use_cache": False}


def padded_batch_inputs(batch: Batch) -> dict[str, Any]:
    """Keyword arguments of a model's forward over rows of one sample each, where packed attention does not suit it.

    It takes the place of `packed_batch_inputs`.
    """
    return {"input_ids": batch.input_ids, **padded_inputs(batch.sample_index >= 0)}


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    documents: PackedDocuments | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    alibi_slopes: torch.Tensor | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention inside every document; an attention function as transformers calls it.

    Args:
        module: the attention layer that asks.
        query: [B, heads, S, D]; `key` is [B, key-value heads, S, D], `value` [B, key-value heads, S, V].
        attention_mask: used only where there are no `documents`.
        dropout: probability with which an attention weight is dropped.
        scaling: factor of query times key; None: 1 / sqrt(D).
        documents: from `packed_inputs`; None: attention as the mask has it.
        sliding_window: how many tokens, itself included, a token sees; None: all before it.
        softcap: scores become softcap * tanh(score / softcap).
        s_aux: [heads], attention sinks: the score of a token that is not there.
        alibi_slopes: [heads], what every token of distance costs.

    Returns:
        [B, S, heads, V] in the query's dtype, zero outside the documents; and None for the weights.

    Raises:
        MftError: the layer asks for what this attention does not have (a bias by position, later tokens, chosen ones).
    """
    if others.get("indices") is not None:
        raise MftError(f"{type(module).__name__} chooses among earlier tokens, which packed attention does not have")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scoring = Scoring(scale, dropout, sliding_window, softcap, s_aux, alibi_slopes)
    if documents is not None:
        _refuse_unsupported(module, others)
        layout = documents.layout(query.shape[0], query.shape[2])
        return attend_documents(query, key, value, layout, scoring), None
    if scoring.is_plain:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **others)
    return _attend_as_masked(query, key, value, attention_mask, scoring), None


def _attend_as_masked(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, scoring: Scoring
) -> torch.Tensor:
    """[B, Q, heads, V]: what "sdpa" would compute, had it softcaps, sinks and slopes."""
    queries = query.shape[2]
    if mask is None and queries > 1:
        # As in transformers: no mask means causal from the first key on; a static cache is empty behind the queries.
        key, value = key[:, :, :queries], value[:, :, :queries]
    inputs = computable(query), computable(key), computable(value)
    return attend_block(*inputs, mask, scoring).to(query.dtype).transpose(1, 2).contiguous()


def _refuse_unsupported(module: torch.nn.Module, others: dict[str, Any]) -> None:
    asked = [name for name in UNSUPPORTED if others.get(name) is not None]
    causal = others.get("is_causal")
    if not (getattr(module, "is_causal", True) if causal is None else causal):
        asked.append("attention to later tokens")
    if asked:
        raise MftError(f"{type(module).__name__} uses {', '.join(asked)}, which packed attention does not have")
