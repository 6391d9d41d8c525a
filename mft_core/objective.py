"""The arithmetic of equation (1): per-token losses to per-task contributions, exact under any batching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    from mft_core.records import TaskCounts, TokenLosses


def task_contributions(tokens: TokenLosses, counts: TaskCounts, by: str) -> torch.Tensor:
    """What these tokens add to each task's loss over the whole training set.

    By tokens: sum_jk ce_ijk / sum_j T_ij. By samples: sum_jk ce_ijk / (M_i T_ij). Both denominators are
    whole-dataset counts, so the sum over any partition of an epoch is the same.

    Returns:
        [N], in the dtype of `tokens.cross_entropy`, differentiable.
    """
    import torch

    loss = tokens.cross_entropy
    whole = counts.tokens if by == "tokens" else counts.samples
    divisor = torch.as_tensor(whole, dtype=loss.dtype, device=loss.device)[tokens.task]
    if by == "samples":
        divisor = divisor * tokens.sample_tokens.to(loss.dtype)
    return torch.zeros(len(counts), dtype=loss.dtype, device=loss.device).index_add(0, tokens.task, loss / divisor)


def weighted_sum(contributions: torch.Tensor, weights: np.ndarray) -> torch.Tensor:
    """Scalar sum_i weights_i contributions_i; a task of weight 0 adds nothing even where its loss is not finite."""
    import torch

    omega = torch.as_tensor(weights, dtype=contributions.dtype, device=contributions.device)
    return (omega * contributions.masked_fill(omega == 0, 0.0)).sum()
