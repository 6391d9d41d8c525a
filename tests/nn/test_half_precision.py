"""Sixteen bits are computed in thirty-two."""

from __future__ import annotations

import pytest
import torch

from mft_core.nn.half_precision import HALVES, wide_dtype


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_losses_are_computed_in_at_least_32_bits(dtype: torch.dtype) -> None:
    wide = wide_dtype(dtype)
    assert wide.itemsize == max(4, dtype.itemsize)
    assert (dtype in HALVES) == (wide != dtype)
