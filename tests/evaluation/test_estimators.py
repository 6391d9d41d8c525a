"""pass@k and intervals against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mft_core.evaluation.estimators import bootstrap_interval, pass_at_k, wilson_interval


@pytest.mark.parametrize("samples", [1, 2, 5, 10, 200])
def test_pass_at_k_is_the_closed_form(samples: int) -> None:
    for passed in range(0, samples + 1, max(1, samples // 7)):
        for k in {1, 2, samples // 2, samples} - {0}:
            if k <= samples:
                expected = 1 - math.comb(samples - passed, k) / math.comb(samples, k)
                assert pass_at_k(samples, passed, k) == pytest.approx(expected, abs=1e-12)


def test_pass_at_k_is_unbiased() -> None:
    """Its mean over all outcomes of n trials is 1 - (1 - p)^k, the probability that k trials hold a pass."""
    n, k, p = 8, 3, 0.3
    chances = [math.comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]
    mean = sum(chance * pass_at_k(n, c, k) for c, chance in enumerate(chances))
    assert mean == pytest.approx(1 - (1 - p) ** k, abs=1e-12)


@pytest.mark.parametrize(("samples", "passed", "k"), [(5, 6, 1), (5, -1, 1), (5, 2, 0), (5, 2, 6)])
def test_pass_at_k_refuses_nonsense(samples: int, passed: int, k: int) -> None:
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(samples, passed, k)


def test_wilson_solves_its_equation() -> None:
    """Both ends p satisfy (share - p)^2 = z^2 p (1 - p) / n; at 0 and all passes they stay within 0 and 1."""
    for passed, trials in ((3, 10), (82, 164), (163, 164)):
        for end in wilson_interval(passed, trials):
            assert (passed / trials - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / trials, rel=1e-5)
    assert wilson_interval(0, 164)[0] == 0.0
    assert wilson_interval(164, 164)[1] == pytest.approx(1.0)
    assert wilson_interval(164, 164)[0] == pytest.approx(0.9771, abs=1e-4)


def test_the_bootstrap_covers_what_it_should() -> None:
    generator = np.random.default_rng(3)
    draws = generator.normal(5.0, 2.0, (60, 80))
    intervals = [bootstrap_interval(row.tolist()) for row in draws]
    covered = sum(low <= 5.0 <= high for low, high in intervals)
    assert 51 <= covered <= 60
    assert bootstrap_interval([1.0, 1.0]) == (1.0, 1.0)
    assert bootstrap_interval([0.0, 0.5, 1.0]) == bootstrap_interval([0.0, 0.5, 1.0])
