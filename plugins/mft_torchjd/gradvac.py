"""GradVac: gradient vaccine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from mft_core.records import TaskCounts
from mft_torchjd.drawing import DrawingBalancer, DrawingOptions

if TYPE_CHECKING:
    import torch
    from torchjd.aggregation import GradVacWeighting


class GradVacOptions(DrawingOptions):
    """Options of `gradvac`."""

    beta: float = Field(0.5, ge=0, le=1, description="how fast the usual cosines follow the measured ones")


class GradVac(DrawingBalancer[GradVacOptions]):
    """GradVac (arXiv 2010.05874, algorithm 1): each g_i is turned towards g_j where their cosine is lower than usual.

    One g_j after the other, in random order: where phi = cos(g_i, g_j) < phihat_ij, g_i gains a multiple of g_j that
    makes their cosine phihat_ij; then phihat_ij <- (1 - beta) phihat_ij + beta phi. phihat begins at 0, which is
    PCGrad; published runs measure at every step, so with a smaller beta. Before they are normalised no weight is below
    1. Of two gradients the shorter one's task gains more, as in `pcgrad`.

    N x N cosines are kept.
    """

    _weighting: GradVacWeighting | None = None
    """Of the last measurement: its cosines are written over in place."""

    def start(self, counts: TaskCounts) -> None:
        """No pair of tasks has been seen."""
        super().start(counts)
        self._cosines = np.zeros((len(counts), len(counts)))

    def ask(self, gramian: torch.Tensor) -> torch.Tensor:
        """An order for each task, drawn anew at every measurement."""
        import torch

        turned = torch.diagonal(gramian) > 0
        tasks = self.asked[turned.numpy()]
        weighting, cosines = self._with_cosines(len(tasks))
        pairs = np.ix_(tasks, tasks)
        cosines.copy_(torch.from_numpy(self._cosines[pairs]))
        # What is 0 has no angle: nothing is turned towards it, and it stays as it is.
        weights = torch.ones(len(gramian), dtype=gramian.dtype)
        with self.drawn():
            weights[turned] = weighting(gramian[turned][:, turned])
        self._cosines[pairs] = cosines.numpy()
        return weights

    def _with_cosines(self, tasks: int) -> tuple[GradVacWeighting, torch.Tensor]:
        """TorchJD's weighting of so many tasks, and where it keeps their cosines, float64 [n, n]."""
        import torch
        from torchjd.aggregation import GradVacWeighting

        found = [] if self._weighting is None else list(self._weighting.buffers())
        if self._weighting is None or len(found[0]) != tasks:
            self._weighting = GradVacWeighting(self.options.beta)
            # It makes room for cosines when it is asked first: here, about orthogonal gradients.
            with torch.random.fork_rng(devices=[]):
                self._weighting(torch.eye(tasks, dtype=torch.float64))
            found = list(self._weighting.buffers())
        return self._weighting, found[0]

    def state_dict(self) -> dict[str, Any]:
        """The usual cosines, too; its rows and columns are tasks."""
        return {**super().state_dict(), "cosines": self._cosines.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back the cosines."""
        super().load_state_dict(state)
        self._cosines = np.array(state["cosines"])
