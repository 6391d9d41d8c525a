"""UPGrad: unconflicting projection of gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_torchjd.asking import TorchJdBalancer

if TYPE_CHECKING:
    import torch


class UpGrad(TorchJdBalancer):
    """UPGrad (arXiv 2406.16232): each g_i is projected onto the cone of directions that no task loses by.

    omega = sum_i argmin { w' G w : w >= e_i }, one quadratic programme for each task (quadprog, with 1e-4 of the sum of
    squared lengths on the diagonal). Before they are normalised no weight is below 1, and without conflicts all are 1;
    then lengths play no part. In a conflict short gradients gain, as in `pcgrad`.
    """

    def ask(self, gramian: torch.Tensor) -> torch.Tensor:
        """With TorchJD's own projector."""
        from torchjd.aggregation import UPGradWeighting

        return UPGradWeighting()(gramian)
