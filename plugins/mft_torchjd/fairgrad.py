"""FairGrad: fair resource allocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mft_core.interfaces import GradientOptions
from mft_torchjd.asking import TorchJdBalancer, check_progress

if TYPE_CHECKING:
    import torch


class FairGradOptions(GradientOptions):
    """Options of `fairgrad`."""

    alpha: float = Field(
        2.0, ge=0, description="fairness: 0 is balanced, 1 the solution of nash-mtl, large: the worst task counts"
    )
    max_iters: int = Field(50, ge=1, description="evaluations of the least-squares solver at most")


class FairGrad(TorchJdBalancer[FairGradOptions]):
    """FairGrad (arXiv 2402.15638, equation 4): omega with G omega = omega^(-1/alpha), by element.

    (G omega)_i is task i's progress; the sum over tasks of progress^(1 - alpha) / (1 - alpha) is largest. Orthogonal
    gradients get omega_i ~ |g_i|^(-2 alpha / (1 + alpha)): the larger alpha, the more the short ones have. A task whose
    gradient is 0 leaves no solution. With many tasks whose gradients lie in few directions the solver (scipy, least
    squares) does not get there; then the weights stay as they are, and that is said.
    """

    def ask(self, gramian: torch.Tensor) -> torch.Tensor:
        """Solved anew from uniform weights."""
        from torchjd.aggregation import FairGradWeighting

        alpha = self.options.alpha
        weights = FairGradWeighting(alpha, self.options.max_iters)(gramian)
        return check_progress(weights, gramian, 1 / alpha) if alpha else weights
