"""MGDA: the shortest combination of gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mft_core.interfaces import GradientOptions
from mft_torchjd.asking import TorchJdBalancer

if TYPE_CHECKING:
    import torch


class MgdaOptions(GradientOptions):
    """Options of `mgda`."""

    epsilon: float = Field(1e-3, gt=0, description="smallest step of the Frank-Wolfe solver before it stops")
    max_iters: int = Field(100, ge=1, description="steps of the Frank-Wolfe solver at most")


class Mgda(TorchJdBalancer[MgdaOptions]):
    """MGDA (arXiv 1810.04650, algorithm 2): omega = argmin |sum_i omega_i g_i|^2 over the simplex.

    No task's loss grows along the result, to first order. The shortest combination lies near the shortest gradients:
    with g_i of different length, nearly all weight goes to the short ones, so to tasks that are learnt already, and all
    of it to a task whose gradient is 0. Orthogonal gradients get omega_i ~ 1 / |g_i|^2.
    """

    def ask(self, gramian: torch.Tensor) -> torch.Tensor:
        """Frank-Wolfe from uniform weights."""
        from torchjd.aggregation import MGDAWeighting

        return MGDAWeighting(self.options.epsilon, self.options.max_iters)(gramian)
