"""CAGrad: conflict-averse gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mft_core.interfaces import GradientOptions
from mft_torchjd.asking import TorchJdBalancer

if TYPE_CHECKING:
    import torch


class CaGradOptions(GradientOptions):
    """Options of `cagrad`."""

    c: float = Field(0.5, ge=0, description="radius around the mean gradient, in its length; 0: balanced; large: mgda")


class CaGrad(TorchJdBalancer[CaGradOptions]):
    """CAGrad (arXiv 2110.14048, algorithm 1): the direction d that is best for the task that gains least,
    max_d min_i g_i . d, with |d - g_0| <= c |g_0| around the mean gradient g_0.

    With g_w = sum_i w_i g_i and w = argmin over the simplex of g_w . g_0 + c |g_0| |g_w|, omega is
    1/N + w c |g_0| / |g_w|. The task that gains least is one with a short gradient, so as in `mgda` w goes to the short
    ones, but c bounds what it adds. Where gradients all but cancel out
    (|g_w|^2 below 1e-8 of the sum of their squares), the weights stay as they are.
    """

    def ask(self, gramian: torch.Tensor) -> torch.Tensor:
        """By an interior-point method (Clarabel)."""
        from torchjd.aggregation import CAGradWeighting

        return CAGradWeighting(self.options.c)(gramian)
