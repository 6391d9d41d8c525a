"""What a loss sees of the tasks' gradients: their inner products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Gramians:
    """Inner products of the gradients of tasks' mean losses with respect to the trainable parameters, at one point.

    Most of gradient-based multi-task learning needs nothing else: a combination sum_i w_i g_i has the squared length
    w' G w, and the inner products G w with the tasks' gradients.

    Attributes:
        present: bool [N]; False for a task without samples in the probe, or whose gradient is not finite: its rows and
            columns are 0.
        lost: bool [N]; True for those of them that have samples.
        train: float64 [N, N], of gradients on training samples: g_i . g_j; None: not asked for.
        validation: float64 [N, N], the same on validation samples: v_i . v_j; None: not asked for.
        across: float64 [N, N], g_i . v_j; None: not both were asked for.
    """

    present: np.ndarray
    lost: np.ndarray
    train: np.ndarray | None = None
    validation: np.ndarray | None = None
    across: np.ndarray | None = None


def cosines(products: np.ndarray, gramian: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float64 [N, N]: the cosines of the angles between gradients; NaN where one of them is 0.

    Args:
        products: float64 [N, N], of those of the rows with those of the columns.
        gramian: float64 [N, N], of those of the rows; its diagonal counts.
        others: the same of those of the columns.
    """
    scale = np.sqrt(np.outer(np.diag(gramian), np.diag(others)))
    return np.divide(products, scale, out=np.full(products.shape, np.nan), where=scale > 0)
