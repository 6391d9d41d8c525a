"""Parts of attention layers without rotary positions."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn
from transformers import DynamicCache

from mft_core.models.native_parts import unrotated_heads


def layer() -> SimpleNamespace:
    torch.manual_seed(0)
    sizes = {"q_proj": 8, "k_proj": 4, "v_proj": 4}
    return SimpleNamespace(**{name: nn.Linear(6, size) for name, size in sizes.items()}, head_dim=2, layer_idx=0)


def test_heads_are_slices_of_the_projections() -> None:
    one, states = layer(), torch.randn(3, 5, 6)
    query, key, value = unrotated_heads(one, states, None)
    assert (query.shape, key.shape, value.shape) == ((3, 4, 5, 2), (3, 2, 5, 2), (3, 2, 5, 2))
    for head in range(4):
        assert torch.equal(query[:, head], one.q_proj(states)[..., 2 * head : 2 * head + 2])
    assert torch.equal(value[:, 1], one.v_proj(states)[..., 2:])


def test_a_cache_puts_what_was_read_before_in_front() -> None:
    one, states = layer(), torch.randn(1, 5, 6)
    cache = DynamicCache()
    unrotated_heads(one, states[:, :3], cache)
    query, key, value = unrotated_heads(one, states[:, 3:], cache)
    _, whole_key, whole_value = unrotated_heads(one, states, None)
    assert query.shape[2] == 2
    torch.testing.assert_close(key, whole_key)
    torch.testing.assert_close(value, whole_value)
