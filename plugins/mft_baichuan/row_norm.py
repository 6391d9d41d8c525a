"""A head whose rows have norm 1 in every forward, as Baichuan 2 trains it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import normalize


class RowNorm(nn.Module):
    """[rows, width] to the same with rows of norm 1, in the same dtype; for `torch.nn.utils.parametrize`."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Each row divided by its norm."""
        return normalize(weight)

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        """Rows of norm 1 are their own raw form."""
        return weight
