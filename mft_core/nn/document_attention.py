"""Attention over whole documents: one causal block per document, by the fastest exact means the device has.

Three ways: torch's variable-length flash kernel (CUDA, half precision); SDPA per group of documents of equal length
(any device; ALiBi as a bias); plain operations per group (softcap and sinks, which SDPA does not have). None of them
holds scores of one document against another, so memory grows with the longest document, not with the row. The flash
kernel is called as torch documents it; its arguments are tested on a CPU, it itself on no GPU yet: the self-test at the
start of every run (`mft_core.nn.packing_self_test.check_packing`) is what stands between it and a wrong result.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import torch
from torch.nn.functional import dropout as drop
from torch.nn.functional import pad, scaled_dot_product_attention

from mft_core.nn.half_precision import HALVES

Document = tuple[int, int, int]
Kernel = Callable[..., torch.Tensor]

LARGEST_FLASH_HEAD = 256
FLASH_HEAD_MULTIPLE = 8


@dataclass(frozen=True, slots=True)
class Scoring:
    """How scores become attention weights.

    Attributes:
        scale: factor of query times key.
        dropout: probability with which a weight is dropped.
        window: how many tokens, itself included, a token sees; None: all before it.
        softcap: scores become softcap * tanh(score / softcap) (Gemma 2); None: they stay.
        sinks: [heads], the score of a token that is not there (GPT-OSS); None: there is none.
        slopes: [heads], what every token of distance costs (ALiBi, arXiv:2108.12409); None: nothing.
    """

    scale: float
    dropout: float = 0.0
    window: int | None = None
    softcap: float | None = None
    sinks: torch.Tensor | None = None
    slopes: torch.Tensor | None = None

    @property
    def is_plain(self) -> bool:
        """Whether weights depend on queries, keys and the window alone."""
        return self.softcap is None and self.sinks is None and self.slopes is None


@dataclass(frozen=True)
class DocumentLayout:
    """`rows` x `width` tokens in one line, cut into documents and the gaps between them.

    Attributes:
        lengths: of the pieces, gap and document in turn; a gap may be empty. They sum to rows * width.
        places: which pieces are documents, by their length.
    """

    rows: int
    width: int
    lengths: tuple[int, ...]
    places: dict[int, list[int]]
    _bounds: dict[torch.device, torch.Tensor] = field(default_factory=dict, repr=False)

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest piece."""
        return max(self.lengths)

    def bounds(self, device: torch.device) -> torch.Tensor:
        """int32 [pieces that are not empty + 1] on `device`: where each starts, and the end; moved there once."""
        if device not in self._bounds:
            filled = torch.tensor([0, *(length for length in self.lengths if length)], dtype=torch.int32)
            self._bounds[device] = filled.cumsum(0, dtype=torch.int32).to(device, non_blocking=True)
        return self._bounds[device]

    def without_gaps(self, states: torch.Tensor) -> torch.Tensor:
        """[rows * width, ...] with zeros where no document is."""
        gaps = self.lengths[::2]
        if not any(gaps):
            return states
        inside = torch.tensor([piece % 2 for piece in range(len(self.lengths))], device=states.device).bool()
        inside = inside.repeat_interleave(torch.tensor(self.lengths, device=states.device))
        return states.where(inside.view(-1, *[1] * (states.dim() - 1)), 0)


def lay_out(documents: Sequence[Document], rows: int, width: int) -> DocumentLayout:
    """The layout of documents (row, start, end) in `rows` rows of `width` tokens.

    Raises:
        ValueError: a document is empty, overlaps another one or lies outside.
    """
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
    return DocumentLayout(rows, width, (*lengths, rows * width - position), dict(places))


def attend_documents(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: DocumentLayout, scoring: Scoring
) -> torch.Tensor:
    """Causal attention inside every document of `layout`.

    Args:
        query: [B, heads, S, D]; `key` is [B, key-value heads, S, D] and `value` [B, key-value heads, S, V].

    Returns:
        [B, S, heads, V] in the query's dtype, zero outside the documents.
    """
    kernel = varlen_kernel(query, value, scoring)
    inputs = _token_major(query), _token_major(key), _token_major(value)
    if kernel is not None:
        attended = attend_by_bounds(*inputs, layout, scoring, kernel)
    else:
        attended = _attend_by_length(*inputs, layout, scoring)
    return attended.to(query.dtype).view(layout.rows, layout.width, query.shape[1], -1)


def _token_major(states: torch.Tensor) -> torch.Tensor:
    """[B, heads, S, D] to [B * S, heads, D]; float32 for a CPU's half precision, where attention runs faster so."""
    return computable(states).transpose(1, 2).flatten(0, 1)


def computable(states: torch.Tensor) -> torch.Tensor:
    """The same in the dtype that attention is computed in: float32 for a CPU's half precision."""
    return states.float() if states.device.type == "cpu" and states.dtype in HALVES else states


def _attend_by_length(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: DocumentLayout, scoring: Scoring
) -> torch.Tensor:
    """[B * S, heads, V]: documents of equal length are one batch."""
    # split and cat differentiate in time linear in the tokens; slices would cost a full copy per document.
    queries, keys, values = (states.split(layout.lengths) for states in (query, key, value))
    pieces = [piece.new_zeros(piece.shape[0], query.shape[1], value.shape[-1]) for piece in queries]
    for length, members in layout.places.items():
        blocks = _stacked(queries, members), _stacked(keys, members), _stacked(values, members)
        attended = attend_block(*blocks, _window_mask(length, scoring.window, query.device), scoring)
        for index, piece in zip(members, attended.transpose(1, 2).unbind(), strict=True):
            pieces[index] = piece
    return torch.cat(pieces)


def _stacked(pieces: Sequence[torch.Tensor], members: list[int]) -> torch.Tensor:
    """Documents of equal length as [documents, heads, length, D]; a single one without a copy."""
    if len(members) == 1:
        return pieces[members[0]][None].transpose(1, 2)
    return torch.stack([pieces[index] for index in members]).transpose(1, 2)


def _window_mask(length: int, window: int | None, device: torch.device) -> torch.Tensor | None:
    """[length, length], True where a token sees another one; None where the window holds the whole document."""
    if window is None or length <= window:
        return None
    distance = token_distance(length, length, device)
    return (distance >= 0) & (distance < window)


def token_distance(queries: int, keys: int, device: torch.device) -> torch.Tensor:
    """int64 [queries, keys]: how far each key lies before each query, the last key at the last query."""
    places = torch.arange(keys, device=device)
    return places[keys - queries :, None] - places[None, :]


def attend_block(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, scoring: Scoring
) -> torch.Tensor:
    """Attention of [B, heads, Q, D] queries on [B, key-value heads, K, D] keys, whose last one is the last query's.

    Args:
        mask: bool, True where a token sees another one, or float, added to the scores; broadcast to
            [B, heads, Q, K]. None: causal.

    Returns:
        [B, heads, Q, V].
    """
    if scoring.softcap is not None or scoring.sinks is not None:
        return _attend_plainly(query, key, value, mask, scoring)
    if scoring.slopes is not None:
        mask = _masked(_distance_cost(query, key, scoring.slopes), mask)
    return scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=scoring.dropout,
        is_causal=mask is None,
        scale=scoring.scale,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def _attend_plainly(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, scoring: Scoring
) -> torch.Tensor:
    """`attend_block` in single operations; the softmax in float32 (float64 of float64)."""
    grouped = query.unflatten(1, (key.shape[1], -1))
    scores = (grouped @ key[:, :, None].mT).flatten(1, 2) * scoring.scale
    scores = scores.float() if scores.dtype in HALVES else scores
    if scoring.softcap is not None:
        scores = scoring.softcap * torch.tanh(scores / scoring.softcap)
    if scoring.slopes is not None:
        scores = scores + _distance_cost(query, key, scoring.slopes).to(scores.dtype)
    scores = _masked(scores, mask)
    if scoring.sinks is not None:
        sinks = scoring.sinks.to(scores.dtype).view(1, -1, 1, 1).expand(*scores.shape[:-1], 1)
        weights = torch.cat([scores, sinks], -1).softmax(-1)[..., :-1]
    else:
        weights = scores.softmax(-1)
    weights = drop(weights, scoring.dropout).to(value.dtype).unflatten(1, (value.shape[1], -1))
    return (weights @ value[:, :, None]).flatten(1, 2)


def _distance_cost(query: torch.Tensor, key: torch.Tensor, slopes: torch.Tensor) -> torch.Tensor:
    """[1, heads, Q, K] in the query's dtype: minus slope times distance; later keys cost nothing, they are masked."""
    distance = token_distance(query.shape[2], key.shape[2], query.device).clamp(min=0)
    return (-slopes.to(query.device).view(1, -1, 1, 1) * distance).to(query.dtype)


def _masked(scores: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Scores where keys that a query must not see have the lowest number; a query that sees none sees all alike."""
    if mask is None:
        mask = token_distance(scores.shape[-2], scores.shape[-1], scores.device) >= 0
    if mask.dtype != torch.bool:
        return scores + mask
    return torch.where(mask, scores, torch.finfo(scores.dtype).min)


def varlen_kernel(query: torch.Tensor, value: torch.Tensor, scoring: Scoring) -> Kernel | None:
    """torch's variable-length flash attention where it can compute this, else None.

    It needs CUDA with compute capability 8 or more, half precision, heads of at most 256, and no dropout.
    """
    if not query.is_cuda or query.dtype not in HALVES or scoring.dropout or not scoring.is_plain:
        return None
    if max(query.shape[-1], value.shape[-1]) > LARGEST_FLASH_HEAD:
        return None
    if torch.version.hip or torch.cuda.get_device_capability(query.device) < (8, 0):
        return None
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    known = inspect.signature(varlen_attn).parameters
    # Its first versions had neither windows nor grouped queries.
    return cast(Kernel, varlen_attn) if {"window_size", "enable_gqa", "scale"} <= known.keys() else None


def attend_by_bounds(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: DocumentLayout,
    scoring: Scoring,
    kernel: Kernel,
) -> torch.Tensor:
    """[B * S, heads, V]: all documents in one call of a variable-length kernel.

    Args:
        query: [B * S, heads, D]; `key` and `value` as in `attend_documents`, token-major too.
        kernel: `torch.nn.attention.varlen.varlen_attn`, or what computes the same.
    """
    width = value.shape[-1]
    # Keys and values must be equally wide, in multiples of 8; zeros add nothing to a score and are cut off again.
    wide = -(-max(query.shape[-1], width) // FLASH_HEAD_MULTIPLE) * FLASH_HEAD_MULTIPLE
    query, key, value = (pad(states, (0, wide - states.shape[-1])).contiguous() for states in (query, key, value))
    bounds = layout.bounds(query.device)
    attended = kernel(
        query,
        key,
        value,
        bounds,
        bounds,
        layout.longest,
        layout.longest,
        scale=scoring.scale,
        window_size=(-1 if scoring.window is None else scoring.window - 1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return layout.without_gaps(attended[..., :width])
