"""Keys and values of the rows that are still written: kept from one stage to the next, without those of ended rows."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer


class RoomyLayer(DynamicLayer):
    """Keys and values with room behind them: transformers' own layer copies all of them for every new token.

    Args:
        layer: what it holds.
        rows: int64, which rows of it are kept.
        room: for how many more tokens.
    """

    def __init__(self, layer: DynamicLayer, rows: torch.Tensor, room: int) -> None:
        super().__init__()
        self.dtype, self.device, self.is_initialized = layer.dtype, layer.device, True
        self._wide = [_with_room(states, rows, room) for states in (layer.keys, layer.values)]
        self._show(layer.keys.shape[-2])

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """All keys and values, the new ones [B, heads, new tokens, D] last."""
        start, new = self.keys.shape[-2], key_states.shape[-2]
        if start + new > self._wide[0].shape[-2]:
            return super().update(key_states, value_states, *args, **kwargs)
        for wide, states in zip(self._wide, (key_states, value_states), strict=True):
            wide.narrow(-2, start, new).copy_(states)
        self._show(start + new)
        return self.keys, self.values

    def _show(self, length: int) -> None:
        self.keys, self.values = (wide.narrow(-2, 0, length) for wide in self._wide)


def keep_rows(cache: Any, rows: torch.Tensor, room: int) -> DynamicCache | None:
    """The cache with some of its rows, and room for more tokens; the one given is used up.

    Args:
        cache: what a model returned.
        rows: int64, which rows are kept.
        room: for how many more tokens.

    Returns:
        None where the cache is not known to be keys and values alone. Recurrent states, indices of sparse attention
        and caches of a model's own have rows too, and transformers' methods leave some of them as they are.
    """
    if type(cache) is not DynamicCache or not all(_is_plain(layer) for layer in cache.layers):
        return None
    cache.layers = [_kept(layer, rows, room) for layer in cache.layers]
    return cache


def _is_plain(layer: Any) -> bool:
    return type(layer) in (DynamicLayer, DynamicSlidingWindowLayer, RoomyLayer) and layer.is_initialized


def _kept(layer: DynamicLayer, rows: torch.Tensor, room: int) -> DynamicLayer:
    if type(layer) is not DynamicSlidingWindowLayer:
        return RoomyLayer(layer, rows, room)
    layer.batch_select_indices(rows)
    return layer


def _with_room(states: torch.Tensor, rows: torch.Tensor, room: int) -> torch.Tensor:
    """[rows, heads, tokens + room, D] of [B, heads, tokens, D]; what is in the room is not yet said."""
    length = states.shape[-2]
    wide = states.new_empty(len(rows), *states.shape[1:-2], length + room, states.shape[-1])
    wide.narrow(-2, 0, length).copy_(states[rows])
    return wide
