"""Packed attention: documents that share a row never see each other, and no dense mask is ever built.

Registered with transformers under the name `PACKED_ATTENTION`. A forward that carries `packed_inputs(documents)` runs
causal attention once per document; any other forward (generation, padded inference) is transformers' own "sdpa".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from mft_core.errors import MftError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PACKED_ATTENTION = "mft_packed"
UNSUPPORTED = ("softcap", "s_aux", "position_bias")
SELF_TEST_LENGTHS = (11, 7)

Document = tuple[int, int, int]


def register_packed_attention() -> None:
    """Make `attn_implementation=PACKED_ATTENTION` known to transformers; calling it again changes nothing."""
    AttentionInterface.register(PACKED_ATTENTION, packed_attention)
    AttentionMaskInterface.register(PACKED_ATTENTION, sdpa_mask)


def packed_inputs(documents: Iterable[Document]) -> dict[str, Any]:
    """Keyword arguments for a model's forward over packed rows, beside `input_ids` and `position_ids`.

    Args:
        documents: (row, start, end) of every document; a position in none of them attends to nothing.
    """
    # transformers hands a 4-D mask on as it is: this placeholder keeps it from building one of [B, 1, S, S].
    placeholder = torch.ones(1, 1, 1, 1, dtype=torch.bool)
    return {"documents": tuple(documents), "attention_mask": placeholder, "use_cache": False}


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    documents: Sequence[Document] | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention inside every document; an attention function as transformers calls it.

    Args:
        module: the attention layer that asks.
        query: [B, heads, S, D]; `key` and `value` are [B, key-value heads, S, D].
        attention_mask: used only where there are no `documents`.
        dropout: probability with which an attention weight is dropped.
        scaling: factor of query times key; None: 1 / sqrt(D).
        documents: as given to `packed_inputs`; None: transformers' own attention.
        sliding_window: how many tokens, itself included, a token sees; None: all before it.

    Returns:
        [B, S, heads, D] in the query's dtype, zero outside the documents; and None for the weights.

    Raises:
        MftError: the layer asks for what this attention does not have (softcap, sinks, position bias).
    """
    if documents is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **others)
    _refuse_unsupported(module, others)
    rows, heads, width, _ = query.shape
    lengths, places = _pieces(documents, rows, width)
    # split and cat differentiate in time linear in the tokens; slices would cost a full copy per document.
    queries, keys, values = (_token_major(states).split(lengths) for states in (query, key, value))
    pieces = [piece.new_zeros(piece.shape[0], heads, value.shape[-1]) for piece in queries]
    for length, members in places.items():
        attended = scaled_dot_product_attention(
            _stacked(queries, members),
            _stacked(keys, members),
            _stacked(values, members),
            attn_mask=_window_mask(length, sliding_window, query.device),
            dropout_p=dropout,
            is_causal=sliding_window is None or length <= sliding_window,
            scale=scaling,
            enable_gqa=heads != key.shape[1],
        )
        for index, piece in zip(members, attended.transpose(1, 2).unbind(), strict=True):
            pieces[index] = piece
    return torch.cat(pieces).to(query.dtype).view(rows, width, heads, -1), None


def _pieces(documents: Sequence[Document], rows: int, width: int) -> tuple[list[int], dict[int, list[int]]]:
    """The lengths that cut [rows * width] tokens into documents and gaps, and which pieces are documents, by length."""
    lengths: list[int] = []
    places: dict[int, list[int]] = defaultdict(list)
    position = 0
    for row, start, end in sorted(documents):
        gap = row * width + start - position
        if gap < 0 or not start < end <= width or row >= rows:
            raise ValueError(f"document {(row, start, end)} overlaps another one or lies outside {rows} x {width}")
        lengths += [gap, end - start]
        places[end - start].append(len(lengths) - 1)
        position = row * width + end
    return [*lengths, rows * width - position], places


def _stacked(pieces: Sequence[torch.Tensor], members: list[int]) -> torch.Tensor:
    """Documents of equal length as [documents, heads, length, D]."""
    return torch.stack([pieces[index] for index in members]).transpose(1, 2)


def _token_major(states: torch.Tensor) -> torch.Tensor:
    """[B, heads, S, D] to [B * S, heads, D]; float32 for a CPU's half precision, where attention runs faster so."""
    if states.device.type == "cpu" and states.dtype in (torch.bfloat16, torch.float16):
        states = states.float()
    return states.transpose(1, 2).flatten(0, 1)


def _window_mask(length: int, window: int | None, device: torch.device) -> torch.Tensor | None:
    """[length, length], True where a token sees another one; None where the window holds the whole document."""
    if window is None or length <= window:
        return None
    index = torch.arange(length, device=device)
    distance = index[:, None] - index[None, :]
    return (distance >= 0) & (distance < window)


def _refuse_unsupported(module: torch.nn.Module, others: dict[str, Any]) -> None:
    asked = [name for name in UNSUPPORTED if others.get(name) is not None]
    causal = others.get("is_causal")
    if not (getattr(module, "is_causal", True) if causal is None else causal):
        asked.append("attention to later tokens")
    if asked:
        raise MftError(
            f"{type(module).__name__} uses {', '.join(asked)}, which packed attention does not have",
            "This architecture cannot be trained here yet; choose a model without it.",
        )


@torch.no_grad()
def check_packing(model: PreTrainedModel, vocabulary_size: int) -> float:
    """Self-test before training: two documents packed into one row against each alone, through transformers' own path.

    Args:
        model: loaded with `PACKED_ATTENTION`, possibly wrapped by PEFT.
        vocabulary_size: token ids are drawn below it.

    Returns:
        Largest difference of the logits relative to the largest logit; NaN where logits are not finite.
    """
    generator = torch.Generator().manual_seed(0)
    texts = [torch.randint(vocabulary_size, (1, n), generator=generator).to(model.device) for n in SELF_TEST_LENGTHS]
    positions = [torch.arange(n, device=model.device)[None] for n in SELF_TEST_LENGTHS]
    first, both = SELF_TEST_LENGTHS[0], sum(SELF_TEST_LENGTHS)
    was_training = model.training
    model.eval()
    try:
        packed = model(
            input_ids=torch.cat(texts, 1),
            position_ids=torch.cat(positions, 1),
            **packed_inputs([(0, 0, first), (0, first, both)]),
        ).logits
        alone = torch.cat([model(input_ids=text, use_cache=False).logits for text in texts], 1)
    finally:
        model.train(was_training)
    return float((packed - alone).abs().max() / alone.abs().max())
