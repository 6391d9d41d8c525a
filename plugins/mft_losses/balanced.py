"""The paper's data-balanced loss."""

from __future__ import annotations

import numpy as np

from mft_core.interfaces import Loss, SomeLossOptions


class Balanced(Loss[SomeLossOptions]):
    """omega_i = 1/N, or in the proportions of the tasks' `weight` (MFTCoder, arXiv 2311.02303, equation 1).

    L = (1/N) sum_i [sum_jk -log P_ijk / sum_j T_ij] by tokens; (1/N) sum_i (1/M_i) sum_j (1/T_ij) sum_k -log P_ijk
    by samples.
    """

    def task_weights(self) -> np.ndarray:
        """Constant."""
        return self.counts.importance / self.counts.importance.sum()
