"""What model classes that transformers does not have, made of its parts, have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import torch


class PackedAttentionOnly:
    """For a model class whose layers call packed attention themselves: transformers must not offer it another one."""

    _supports_flash_attn: ClassVar[bool] = False
    _supports_flex_attn: ClassVar[bool] = False


def unrotated_heads(
    layer: Any, hidden_states: torch.Tensor, cache: Any | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Query, key and value of an attention layer of Llama's kind, without rotary positions; all that are cached.

    Args:
        layer: with `q_proj`, `k_proj`, `v_proj`, `head_dim` and `layer_idx`.
        hidden_states: [B, S, width].
        cache: of transformers' kind; it takes in the new keys and values. None: no cache.

    Returns:
        [B, heads, S, D], and two times [B, key-value heads, K, D] with K = S and what the cache held.
    """
    shape = (*hidden_states.shape[:-1], -1, layer.head_dim)
    projections = (layer.q_proj, layer.k_proj, layer.v_proj)
    query, key, value = (projection(hidden_states).view(shape).transpose(1, 2) for projection in projections)
    if cache is not None:
        key, value = cache.update(key, value, layer.layer_idx)
    return query, key, value
