"""The proportions of tasks in a budget at which their mean loss, by their mixing laws, is lowest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mft_core.comparison.mixing_law import MixingLaw, predict

DIGITS = 6
"""Significant ones, so that a task of a millionth of the data keeps its share."""


def best_shares(
    laws: Sequence[MixingLaw], natural: np.ndarray, importance: np.ndarray, tokens: float, factor: float
) -> np.ndarray:
    """float64 [N], summing to 1 but for rounding: argmin over shares of sum_i importance_i L_i.

    The laws are convex in a task's share, so that SciPy's SLSQP finds the lowest place from any start; it begins at the
    natural shares.

    Args:
        natural: float64 [N], shares of the data as it is, summing to 1.
        importance: float64 [N], summing to 1.
        tokens: the budget.
        factor: no share becomes more than so many times, or less than that part of, its natural one: the small runs
            have tried no others.
    """
    from scipy.optimize import minimize

    def mean(shares: np.ndarray) -> float:
        return float(predict(laws, shares * tokens) @ importance)

    def slope(shares: np.ndarray) -> np.ndarray:
        pairs = zip(laws, shares * tokens, strict=True)
        return importance * tokens * np.array([law.slopes(own, tokens - own) for law, own in pairs])

    scale = max(abs(mean(natural)), 1e-12)
    found = minimize(
        lambda shares: mean(shares) / scale,
        natural,
        jac=lambda shares: slope(shares) / scale,
        method="SLSQP",
        bounds=[(share / factor, min(share * factor, 1.0)) for share in natural],
        constraints={"type": "eq", "fun": lambda shares: shares.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    shares = found.x / found.x.sum()
    kept = shares if np.isfinite(shares).all() and mean(shares) < mean(natural) else natural
    return np.array([float(f"{share:.{DIGITS}g}") for share in kept])
