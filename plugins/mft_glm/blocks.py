"""Where a text's prompt ends and its answer begins in GLM, read off the tokens themselves (arXiv 2103.10360).

A text is a prompt that holds a mask token, then `<|startofpiece|>` and the answer. Prompt tokens have the positions
0, 1, 2, ... and block position 0, and see each other in both directions. The start token and the answer all have the
mask's position and block positions 1, 2, 3, ..., and see what stands before them. A text without start token is read
from left to right. Later start tokens of the same text (further turns) belong to the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

NEVER = torch.iinfo(torch.int64).max


@dataclass(frozen=True, slots=True)
class Blocks:
    """Positions of tokens, and how long the prompts are.

    Attributes:
        positions: int64 [B, 2, S], position and block position.
        prompts: int64 [texts], tokens before the start token; 0 where a text has none.
    """

    positions: torch.Tensor
    prompts: torch.Tensor


def find_blocks(
    ids: torch.Tensor, index: torch.Tensor, text: torch.Tensor, texts: int, start: int | None, masks: list[int]
) -> Blocks:
    """The blocks of every text.

    Args:
        ids: int64 [B, S].
        index: int64 [B, S], 0, 1, 2, ... along each text.
        text: int64 [B, S], which of the `texts` texts a token belongs to; -1: padding.
        start: id of the start token; None: no text has one.
        masks: ids of the mask tokens.
    """
    owner, real = text.clamp(min=0), text >= 0
    begins = real & (ids == (NEVER if start is None else start))
    first = ids.new_full((texts,), NEVER).scatter_reduce(0, owner[begins], index[begins], "amin")
    prompt = real & (index < first[owner]) & (first[owner] < NEVER)
    masked = prompt & torch.isin(ids, ids.new_tensor(masks))
    anchor = ids.new_full((texts,), -1).scatter_reduce(0, owner[masked], index[masked], "amax")
    anchor = torch.where(anchor >= 0, anchor, (first - 1).clamp(min=0))
    answer = real & (index >= first[owner])
    position = torch.where(answer, anchor[owner], index)
    block = torch.where(answer, index - first[owner] + 1, 0)
    return Blocks(torch.stack([position, block], 1), torch.where(first < NEVER, first, 0))


def prompt_mask(prompts: torch.Tensor, index: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """bool [B, 1, S, S], True where a token sees another one, for rows of one text each.

    Args:
        prompts: int64 [B].
        index: int64 [B, S], along each text.
        real: bool [B, S], False where padding is.
    """
    place = torch.arange(index.shape[1], device=index.device)
    prompt = (index < prompts[:, None]) & real
    sees = (place[:, None] >= place) | (prompt[:, :, None] & prompt[:, None])
    # Padding sees itself: a softmax over no token at all is not a number.
    return ((sees & real[:, None]) | (place[:, None] == place))[:, None]
