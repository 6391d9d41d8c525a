"""Aligned-MTL: independent components made equally long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_torchjd.asking import TorchJdBalancer

if TYPE_CHECKING:
    import torch


class AlignedMtl(TorchJdBalancer):
    """Aligned-MTL (arXiv 2305.19000, algorithm 1): with G = V diag(lambda) V', omega ~ V diag(lambda)^(-1/2) V' 1.

    The gradients are replaced by orthogonal ones of one length, as close to their directions as can be, so that no
    component outweighs another; of which length changes nothing, since weights are normalised. A gradient twice as long
    has about half the weight. Weights may be negative where gradients are nearly dependent; they are taken as 0, and
    that is said.
    """

    def ask(self, gramian: torch.Tensor) -> torch.Tensor:
        """In closed form."""
        from torchjd.aggregation import AlignedMTLWeighting

        return AlignedMTLWeighting()(gramian)
