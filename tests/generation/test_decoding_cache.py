"""Kept keys and values."""

from __future__ import annotations

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from mft_core.generation.decoding_cache import RoomyLayer, keep_rows


def states(tokens: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(5, 2, tokens, 4, generator=generator), torch.rand(5, 2, tokens, 6, generator=generator)


def test_kept_rows_are_those_of_the_whole_cache() -> None:
    cache, rows = DynamicCache(), torch.tensor([4, 0, 1])
    cache.update(*states(7, 0), 0)
    kept = keep_rows(cache, rows, 3)
    assert kept is not None
    assert type(kept.layers[0]) is RoomyLayer
    plain = DynamicLayer()
    plain.update(*(part[rows] for part in states(7, 0)))
    # The last two calls are beyond the room.
    for seed, tokens in enumerate((1, 2, 1, 3)):
        new = [part[rows] for part in states(tokens, seed)]
        for mine, theirs in zip(kept.update(*new, 0), plain.update(*new), strict=True):
            assert torch.equal(mine, theirs)
        assert kept.get_seq_length() == plain.get_seq_length()
    assert keep_rows(None, rows, 3) is None
