"""Attention by documents: what the kernels are given."""

from __future__ import annotations

import inspect
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch.nn.attention.varlen import varlen_attn

from helpers.attention import by_definition, causal, states
from mft_core.nn.document_attention import Scoring, attend_by_bounds, attend_documents, lay_out, varlen_kernel
from mft_core.testing.packed_texts import DOCUMENTS, WIDTH


def varlen_by_definition(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    **options: Any,
) -> torch.Tensor:
    """What torch documents of `varlen_attn`, and what its flash kernel demands of the arguments."""
    inspect.signature(varlen_attn).bind(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, **options)
    assert cu_seq_q.dtype == torch.int32
    assert cu_seq_q is cu_seq_k
    assert cu_seq_q.diff().min() > 0
    assert cu_seq_q.diff().max() == max_q == max_k
    assert cu_seq_q[-1] == len(query) == len(key) == len(value)
    assert query.shape[-1] == key.shape[-1] == value.shape[-1]
    assert query.shape[-1] % 8 == 0
    assert all(tensor.is_contiguous() for tensor in (query, key, value))
    assert options["enable_gqa"] == (query.shape[1] != key.shape[1])
    before, after = options["window_size"]
    assert after == 0
    pieces = []
    for start, end in pairwise(cu_seq_q.tolist()):
        parts = (tensor[start:end].transpose(0, 1) for tensor in (query, key, value))
        seen = causal(end - start, None if before == -1 else before + 1)
        pieces.append(by_definition(*parts, seen, options["scale"]).transpose(0, 1))
    return torch.cat(pieces)


@pytest.mark.parametrize("window", [None, 1, 4])
@pytest.mark.parametrize(("key_value_heads", "value_width"), [(4, 8), (2, 8), (4, 5)])
def test_a_variable_length_kernel_is_given_what_it_needs(
    key_value_heads: int, value_width: int, window: int | None
) -> None:
    layout = lay_out(DOCUMENTS, 2, WIDTH)
    inputs = [states(4, 6), states(key_value_heads, 6), states(key_value_heads, value_width)]
    scoring = Scoring(0.3, window=window)
    expected = attend_documents(*inputs, layout, scoring)
    lines = [tensor.transpose(1, 2).flatten(0, 1) for tensor in inputs]
    found = attend_by_bounds(*lines, layout, scoring, varlen_by_definition)
    torch.testing.assert_close(found.view_as(expected), expected, rtol=1e-12, atol=1e-12)
    assert layout.bounds(found.device) is layout.bounds(found.device)


def test_no_flash_kernel_on_a_cpu() -> None:
    half = states(4, dtype=torch.bfloat16)
    assert varlen_kernel(half, half, Scoring(1.0)) is None
