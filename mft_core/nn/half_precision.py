"""Number formats of 16 bits, and what is computed in more."""

from __future__ import annotations

import torch

HALVES = (torch.bfloat16, torch.float16)


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """In which losses are computed: float32 for half precision, else the same."""
    return torch.float32 if dtype in HALVES else dtype
