"""Where the blocks of a text begin."""

from __future__ import annotations

import torch

from mft_glm.blocks import find_blocks


def test_blocks_of_texts_with_and_without_answers() -> None:
    start, masks = 1, [2, 3]
    ids = torch.tensor([[7, 2, 8, 1, 9, 2, 1, 9], [7, 8, 1, 9, 5, 2, 6, 0]])
    index = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 0, 1, 2, 0]])
    text = torch.tensor([[0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 2, 2, 2, -1]])
    blocks = find_blocks(ids, index, text, 3, start, masks)
    assert blocks.positions[:, 0].tolist() == [[0, 1, 2, 1, 1, 1, 1, 1], [0, 1, 1, 1, 0, 1, 2, 0]]
    assert blocks.positions[:, 1].tolist() == [[0, 0, 0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 0, 0, 0, 0]]
    assert blocks.prompts.tolist() == [3, 2, 0]
    causal = find_blocks(ids, index, text, 3, None, [])
    assert torch.equal(causal.positions[:, 0], index)
    assert not causal.positions[:, 1].any()
    assert not causal.prompts.any()
