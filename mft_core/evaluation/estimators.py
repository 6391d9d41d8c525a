"""pass@k without bias, and intervals that say how far a score can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95
NORMAL_QUANTILE = 1.959963984540054
"""Of the standard normal distribution at (1 + CONFIDENCE) / 2."""
RESAMPLES = 10_000
ELEMENTS_AT_ONCE = 1 << 22


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """The unbiased estimate of the probability that one of `k` samples passes (Chen et al. 2021, equation 1).

    1 - C(samples - passed, k) / C(samples, k), as a product that does not overflow.

    Raises:
        ValueError: not 0 <= passed <= samples, or not 1 <= k <= samples.
    """
    if not 0 <= passed <= samples or not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {passed} passes in {samples} samples")
    if samples - passed < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / number for number in range(samples - passed + 1, samples + 1))


def wilson_interval(passed: float, trials: int) -> tuple[float, float]:
    """The 95% score interval of a share of `trials` independent yes-or-no outcomes (Wilson 1927).

    Raises:
        ValueError: no trial.
    """
    if trials < 1:
        raise ValueError("an interval needs at least one trial")
    share, square = passed / trials, NORMAL_QUANTILE**2
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = NORMAL_QUANTILE / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    # Rounded, an end can pass the share itself where all or none passed.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def bootstrap_interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """The 95% percentile interval of the mean over problems, which are drawn anew with replacement.

    Args:
        values: one per problem.
        seed: of the draws: the same values give the same interval.

    Raises:
        ValueError: no value.
    """
    column = np.asarray(values, dtype=np.float64)
    if not len(column):
        raise ValueError("an interval needs at least one value")
    generator = np.random.default_rng(seed)
    means, at_once = [], max(1, ELEMENTS_AT_ONCE // len(column))
    for first in range(0, RESAMPLES, at_once):
        size = (min(at_once, RESAMPLES - first), len(column))
        means.append(column[generator.integers(0, len(column), size)].mean(axis=1))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return float(low), float(high)
