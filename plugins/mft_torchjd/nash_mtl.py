"""Nash-MTL: a bargain between tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from mft_core.interfaces import GradientOptions
from mft_core.records import TaskCounts
from mft_torchjd.asking import TorchJdBalancer, check_progress

if TYPE_CHECKING:
    import torch


class NashMtlOptions(GradientOptions):
    """Options of `nash-mtl`."""

    optim_niter: int = Field(20, ge=1, description="convex problems solved one after the other at most")


class NashMtl(TorchJdBalancer[NashMtlOptions]):
    """Nash-MTL (arXiv 2202.01017, algorithm 1): omega with G omega = 1 / omega, by element.

    The product of all tasks' progress is largest: no task can gain by a larger share than the others lose. Orthogonal
    gradients get omega_i ~ 1 / |g_i|, so lengths cancel out. A task whose gradient is 0 leaves no solution. The solver
    (ECOS) begins at the last solution; with dozens of tasks whose gradients lie in few directions it finds none, the
    weights stay as they are, and that is said.
    """

    def start(self, counts: TaskCounts) -> None:
        """The published beginning."""
        super().start(counts)
        self._last = np.ones(len(counts))

    def ask(self, gramian: torch.Tensor) -> torch.Tensor:
        """Of a root of the Gramian, since TorchJD's Nash-MTL asks for the gradients themselves."""
        from torchjd.aggregation import NashMTL

        # The limit of their norm, 0 being none, changes nothing about weights that are normalised.
        weighting = NashMTL(len(gramian), max_norm=0.0, optim_niter=self.options.optim_niter).weighting
        weighting.prvs_alpha = self._last[self.asked]
        weights = check_progress(weighting(square_root(gramian)), gramian, 1.0)
        self._last[self.asked] = weights.numpy()
        return weights

    def state_dict(self) -> dict[str, Any]:
        """The last solution, too."""
        return {**super().state_dict(), "last": self._last.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Begin at that solution."""
        super().load_state_dict(state)
        self._last = np.array(state["last"])


def square_root(gramian: torch.Tensor) -> torch.Tensor:
    """float64 [n, n], R with R R' = gramian; what rounding has made negative in it is left out."""
    import torch

    values, vectors = torch.linalg.eigh(gramian)
    return vectors * values.clamp(min=0).sqrt()
