"""PCGrad: gradient surgery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_torchjd.drawing import DrawingBalancer, DrawingOptions

if TYPE_CHECKING:
    import torch


class PcGrad(DrawingBalancer[DrawingOptions]):
    """PCGrad (arXiv 2001.06782, algorithm 1): each g_i loses its part along every g_j that it points against.

    One g_j after the other, in random order: g_i <- g_i - (g_i . g_j / |g_j|^2) g_j where g_i . g_j < 0; omega are the
    factors of the g in the sum of what comes out. Before they are normalised none is below 1, and
    without conflicts all are 1. In a conflict the shorter gradient's task gains the more: for two tasks
    omega_i = 1 + |g_j| |cos| / |g_i|.
    """

    def ask(self, gramian: torch.Tensor) -> torch.Tensor:
        """An order for each task, drawn anew at every measurement."""
        from torchjd.aggregation import PCGradWeighting

        with self.drawn():
            return PCGradWeighting()(gramian)
