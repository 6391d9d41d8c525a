"""IMTL-G: impartial gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_torchjd.asking import TorchJdBalancer

if TYPE_CHECKING:
    import torch


class ImtlG(TorchJdBalancer):
    """IMTL-G ("Towards Impartial Multi-task Learning", ICLR 2021): equal projections of sum_i omega_i g_i on all g_i.

    omega ~ G^+ d, with d_i = |g_i| and G^+ the pseudoinverse (arXiv 2406.16232). A gradient twice as long has half the
    weight, so lengths cancel out. The method itself allows negative weights: among many tasks, or where gradients are
    nearly dependent, they are common. They are taken as 0 and that is said; the projections are equal no longer then.
    A task whose gradient is 0 has weight 0.
    """

    def ask(self, gramian: torch.Tensor) -> torch.Tensor:
        """In closed form."""
        from torchjd.aggregation import IMTLGWeighting

        return IMTLGWeighting()(gramian)
