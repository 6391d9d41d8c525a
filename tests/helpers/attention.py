"""Attention by its definition, and models to try it on."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig

from mft_core.nn.packed_attention import register_packed_attention, suitable_attention
from mft_core.testing.packed_texts import WIDTH


def states(heads: int, width: int = 8, dtype: torch.dtype = torch.float64, rows: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(heads + width)
    return torch.randn(rows, heads, WIDTH, width, generator=generator, dtype=torch.float64).to(dtype)


def by_definition(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visible: torch.Tensor,
    scale: float,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    alibi_slopes: torch.Tensor | None = None,
) -> torch.Tensor:
    """[heads, Q, V] of one text, [heads, length, D], head by head; `visible` is bool [Q, K]."""
    group = len(query) // len(key)
    first = key.shape[1] - query.shape[1]
    distance = torch.arange(first, key.shape[1])[:, None] - torch.arange(key.shape[1])
    found = []
    for head in range(len(query)):
        scores = query[head] @ key[head // group].T * scale
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        if alibi_slopes is not None:
            scores = scores - alibi_slopes[head].to(scores) * distance
        powers = scores.exp() * visible
        absent = 0 if s_aux is None else s_aux[head].to(scores).exp()
        found.append(powers @ value[head // group] / (powers.sum(-1, keepdim=True) + absent))
    return torch.stack(found)


def causal(length: int, window: int | None = None) -> torch.Tensor:
    distance = torch.arange(length)[:, None] - torch.arange(length)
    return (distance >= 0) & (distance < (window or length))


def random_model(config: PreTrainedConfig, dtype: torch.dtype = torch.float32, attention: str | None = None) -> Any:
    register_packed_attention()
    torch.manual_seed(0)
    attention = attention or suitable_attention(config)
    return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=attention).eval()
