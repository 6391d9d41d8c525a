"""Many comparisons at a time: p-values of differences, and Holm's correction of them.

The p-value of a difference belongs to the same two errors as its interval (see `mft_core.comparison.statistics`): that
of the samples, s_b t(M - 1) with s_b from the bootstrap, and that of the seeds, s_e t(S - 1). It is the probability
that their sum is as far from 0 as the difference is; in closed form, since 2,000 draws do not reach the small
probabilities that many comparisons ask for.

Holm's procedure (Scand. J. Statist. 6, 1979, p. 65) needs nothing but p-values that hold each for itself: whatever
their dependence, the probability that any of the differences it calls real is none stays below 5%. Simultaneous
intervals from the largest of the studentised draws (max-t; Westfall and Young, 1993) would be narrower where
comparisons depend on each other, but need draws with the dependence of the true errors. Draws weigh the S seeds of all
comparisons alike, so however many comparisons there are, their seed errors span S - 1 dimensions, and with 3 seeds
max-t errs several times as often as it promises (tests/comparison/test_multiplicity.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mft_core.comparison.statistics import Draws
from mft_core.objective.intervals import upper_tail

GRID = 4001
MOST_FREEDOM = 1000
"""From here on t is taken as its value here, which differs from the normal distribution in the third digit."""


def p_values(draws: Draws) -> np.ndarray:
    """float64 [A]: two-sided p-values of each `draws.point` being 0.

    NaN where nothing says how uncertain it is, and where two arms came out the same, sample by sample and seed by seed:
    they are one and the same training, and there is nothing to be tested.
    """
    seeds = draws.by_seed.shape[1]
    of_seeds = draws.by_seed.std(axis=1, ddof=1) / math.sqrt(seeds) if seeds > 1 else np.zeros(len(draws.point))
    of_samples = draws.over_samples.std(axis=0)
    columns = zip(draws.point, of_samples, draws.freedom, of_seeds, strict=True)
    return np.array([_p_value(*column, seeds - 1) for column in columns])


def _p_value(point: float, of_samples: float, sample_freedom: float, of_seeds: float, seed_freedom: int) -> float:
    if not (math.isfinite(point) and math.isfinite(of_samples) and sample_freedom >= 1):
        return math.nan
    distance = abs(point)
    if not distance:
        return 1.0 if of_samples or of_seeds else math.nan
    freedom = min(int(sample_freedom), MOST_FREEDOM)
    # A standard deviation over draws of M samples has the divisor M; t wants M - 1.
    scale = of_samples * math.sqrt((freedom + 1) / freedom)
    if not of_seeds:
        return 2 * float(upper_tail(np.array([distance / scale]), freedom)[0]) if scale else 0.0
    # The quadrature runs over t = sqrt(f) tan(angle), whose density is cos(angle)^(f - 1) up to a factor.
    angles = (np.arange(GRID) + 0.5) / GRID * math.pi - math.pi / 2
    weights = np.cos(angles) ** (freedom - 1)
    sample_errors = scale * math.sqrt(freedom) * np.tan(angles)
    tails = upper_tail((distance + sample_errors) / of_seeds, seed_freedom)
    return min(1.0, 2 * float(weights @ tails / weights.sum()))


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Each p-value as it is after Holm's correction for all of them; None, which cannot be said, counts for none."""
    known = sorted((value, index) for index, value in enumerate(p) if value is not None)
    found: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, index) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * value))
        found[index] = largest
    return found
