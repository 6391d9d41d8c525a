"""What a forward is told about its rows (masks, positions, packed documents), brought into one form."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mft_core.nn.document_attention import Document
from mft_core.nn.packed_attention import PackedDocuments
from mft_glm.blocks import Blocks, find_blocks, prompt_mask


@dataclass(frozen=True, slots=True)
class Markers:
    """Ids of the tokens by which prompt and answer are told apart.

    Attributes:
        start: of the start token; None: no text has one.
        masks: of the mask tokens.
    """

    start: int | None
    masks: list[int]

    def find(self, ids: torch.Tensor, index: torch.Tensor, text: torch.Tensor, texts: int) -> Blocks:
        """`find_blocks` with these."""
        return find_blocks(ids, index, text, texts, self.start, self.masks)


@dataclass(frozen=True, slots=True)
class Rows:
    """Everything the layers need.

    Attributes:
        index: int64 [B, S], places in each text.
        positions: int64 [B, 2, S], position and block position.
        mask: for transformers: [B, K] or [B, 1, S, K]; None: causal.
        prompts: (row, start, end) of the prompts of packed documents.
    """

    index: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor | None
    prompts: tuple[Document, ...] = ()


def packed_rows(
    ids: torch.Tensor, mask: torch.Tensor | None, index: torch.Tensor, documents: PackedDocuments, markers: Markers
) -> Rows:
    """Rows that hold several texts.

    Args:
        ids: int64 [B, S].
        mask: the placeholder that comes with `documents`.
        index: int64 [B, S], restarting at 0 with every document.
    """
    text = torch.full_like(ids, -1)
    for number, (row, start, end) in enumerate(documents.documents):
        text[row, start:end] = number
    blocks = markers.find(ids, index, text, len(documents.documents))
    lengths = blocks.prompts.tolist()
    spans = ((row, start, start + n) for (row, start, _), n in zip(documents.documents, lengths, strict=True) if n)
    return Rows(index, blocks.positions, mask, tuple(spans))


def plain_rows(
    ids: torch.Tensor, mask: torch.Tensor | None, positions: torch.Tensor | None, past: int, markers: Markers
) -> Rows:
    """Rows of one text each.

    Args:
        ids: int64 [B, S].
        mask: int64 [B, K], 0 where padding is; or, as in the original code, int64 [B] or [B, 1]: how many tokens at
            the start of each row see each other in both directions; or 4-D, which says it all; or None.
        positions: int64 [B, 2, S], position and block position, taken as they are; or [B, S], places in each text.
        past: tokens in the cache.
    """
    counts = _given_counts(ids, mask, past)
    padding = mask if mask is not None and counts is None and mask.dim() == 2 else None
    real = padding[:, -ids.shape[1] :].bool() if padding is not None else torch.ones_like(ids, dtype=torch.bool)
    given = positions if positions is not None and positions.dim() == 3 else None
    index = positions if positions is not None and given is None else _places(ids, padding, past)
    text = torch.where(real, torch.arange(len(ids), device=ids.device)[:, None], -1)
    blocks = markers.find(ids, index.expand_as(ids), text, len(ids))
    if counts is not None:
        prompts, mask = counts, None
    elif given is None and past == 0 and (mask is None or padding is not None):
        prompts = blocks.prompts
    else:
        prompts = torch.zeros_like(blocks.prompts)
    if bool(prompts.any()):
        mask = prompt_mask(prompts, index.expand_as(ids), real)
    elif mask is not None and mask.dim() == 4 and not mask.is_floating_point():
        mask = mask.bool()
    return Rows(index, blocks.positions if given is None else given, mask)


def _given_counts(ids: torch.Tensor, mask: torch.Tensor | None, past: int) -> torch.Tensor | None:
    """int64 [B], where `mask` is the original code's kind."""
    if mask is None or mask.dim() > 2 or (mask.dim() == 2 and mask.shape[1] == past + ids.shape[1]):
        return None
    return mask.to(ids).flatten().expand(len(ids)) if mask.numel() in (1, len(ids)) else None


def _places(ids: torch.Tensor, padding: torch.Tensor | None, past: int) -> torch.Tensor:
    """int64 [B, S]: how many tokens of its text stand before each."""
    if padding is not None:
        return (padding.long().cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    return torch.arange(past, past + ids.shape[1], device=ids.device).expand_as(ids)
