"""Packed attention: documents that share a row never see each other, and no mask of a whole row is ever built.

Registered with transformers under the name `PACKED_ATTENTION`. A forward that carries `packed_inputs(documents)` runs
causal attention once per document (`mft_core.attention_kernels` says how). Any other forward (generation, padded rows)
is transformers' own "sdpa", or plain operations for the softcaps, sinks and ALiBi slopes that "sdpa" does not have.
A layer with ALiBi passes `alibi_slopes` ([heads], as flash-attention calls them); distances count inside a document.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from mft_core.attention_kernels import Document, Layout, Scoring, attend_block, attend_documents, computable, lay_out
from mft_core.errors import MftError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

    from mft_core.records import Batch

PACKED_ATTENTION = "mft_packed"
UNSUPPORTED = ("position_bias",)
SELF_TEST_LENGTHS = (11, 7)


class PackedDocuments:
    """Where a batch's documents lie; what attention derives from it is derived once per forward, not per layer.

    Args:
        documents: (row, start, end) of every document; a position in none of them attends to nothing.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = tuple(documents)
        self._layout: Layout | None = None

    def layout(self, rows: int, width: int) -> Layout:
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

    It takes the place of `mft_core.lm_loss.packed_batch_inputs`.
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
        MftError: the layer asks for what this attention does not have (a bias by position, later tokens).
    """
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


@dataclass(frozen=True, slots=True)
class RowTest:
    """What rows a model can be trained on.

    Attributes:
        packed: documents may share rows; else every row must hold one sample, with `padded_batch_inputs`.
        reason: why not packed, in a sentence without its full stop; "" where it is.
    """

    packed: bool
    reason: str = ""


def packing_or_padding(model: PreTrainedModel, vocabulary_size: int, tolerance: float) -> RowTest:
    """Self-test before training: packed rows if they are exact with this model, else padded ones if those are.

    Args:
        model: loaded with `suitable_attention`.
        vocabulary_size: token ids are drawn below it.
        tolerance: largest relative difference that is rounding in the model's dtype.

    Raises:
        MftError: padded rows are wrong as well.
    """
    name = type(model).__name__
    try:
        difference = check_packing(model, vocabulary_size)
        reason = f"documents packed into one row of {name} change each other's logits ({difference:.2g})"
    except (MftError, RuntimeError, ValueError, TypeError, AttributeError, LookupError) as error:
        difference, reason = float("nan"), f"{name} cannot run on packed rows ({error})"
    if difference <= tolerance:
        return RowTest(packed=True)
    padded = check_padding(model, vocabulary_size)
    if padded <= tolerance:
        return RowTest(packed=False, reason=reason)
    raise MftError(
        f"{reason[0].upper()}{reason[1:]}, and padding changes its logits as well ({padded:.2g}).",
        "This model cannot be trained here; please report it with its config.json.",
    )


@torch.no_grad()
def check_packing(model: PreTrainedModel, vocabulary_size: int) -> float:
    """How far two documents in one row are from each alone, and from not seeing each other.

    Args:
        model: loaded with `PACKED_ATTENTION`, possibly wrapped by PEFT.
        vocabulary_size: token ids are drawn below it.

    Returns:
        The larger of two ratios; NaN where logits are not finite. The largest difference of the logits to those of
        transformers' own forward of each document, relative to the largest logit. And, since that one may hide a weak
        leak in half precision's rounding: how much the second document's logits change with the first one's tokens,
        relative to how much they do where both are one document.
    """
    first, second, other = _test_texts(model, vocabulary_size)
    middle, end = first.shape[1], first.shape[1] + second.shape[1]
    apart, joined = [(0, 0, middle), (0, middle, end)], [(0, 0, end)]
    was_training = model.training
    model.eval()
    try:
        packed = _packed_logits(model, first, second, apart)
        alone = torch.cat([model(input_ids=text, use_cache=False).logits for text in (first, second)], 1)
        change = packed - _packed_logits(model, other, second, apart)
        seen = _packed_logits(model, first, second, joined) - _packed_logits(model, other, second, joined)
    finally:
        model.train(was_training)
    tiny = torch.finfo(packed.dtype).tiny
    leak = change[:, middle:].abs().max() / seen[:, middle:].abs().max().clamp(min=tiny)
    return float(torch.maximum((packed - alone).abs().max() / alone.abs().max(), leak))


@torch.no_grad()
def check_padding(model: PreTrainedModel, vocabulary_size: int) -> float:
    """Largest difference of a padded text's logits to those of the text alone, relative to the largest logit."""
    first, second, _ = _test_texts(model, vocabulary_size)
    shorter = second.shape[1]
    padded = torch.cat([second, second.new_zeros(1, first.shape[1] - shorter)], 1)
    real = torch.arange(first.shape[1], device=model.device) < torch.tensor([[first.shape[1]], [shorter]]).to(
        model.device
    )
    was_training = model.training
    model.eval()
    try:
        both = model(input_ids=torch.cat([first, padded]), **padded_inputs(real)).logits
        alone = [model(input_ids=text, **padded_inputs(text >= 0)).logits[0] for text in (first, second)]
    finally:
        model.train(was_training)
    differences = [(found[: len(text)] - text).abs().max() for found, text in zip(both, alone, strict=True)]
    return float(torch.stack(differences).max() / alone[0].abs().max())


def _test_texts(model: PreTrainedModel, vocabulary_size: int) -> list[torch.Tensor]:
    """Two texts of different lengths, and another one as long as the first; int64 [1, length] on the model's device."""
    generator = torch.Generator().manual_seed(0)
    lengths = (*SELF_TEST_LENGTHS, SELF_TEST_LENGTHS[0])
    return [torch.randint(vocabulary_size, (1, length), generator=generator).to(model.device) for length in lengths]


def _packed_logits(
    model: PreTrainedModel, first: torch.Tensor, second: torch.Tensor, documents: list[Document]
) -> torch.Tensor:
    """[1, tokens, vocabulary] of two texts in one row."""
    positions = torch.cat([torch.arange(end - start) for _, start, end in documents])[None]
    return model(
        input_ids=torch.cat([first, second], 1), position_ids=positions.to(model.device), **packed_inputs(documents)
    ).logits
