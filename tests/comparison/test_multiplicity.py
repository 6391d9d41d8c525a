"""p-values that hold what they promise, alone and many at a time."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.comparison.multiplicity import holm, p_values
from mft_core.comparison.outcome import with_differences
from mft_core.comparison.statistics import Draws, draw_task, mean_over_tasks, seed_weights
from mft_core.objective.intervals import upper_tail

RESAMPLES = 200
ARMS, TASKS = 4, 5


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, None, 0.9, 0.6]) == [pytest.approx(0.03), None, 1.0, 1.0]
    assert holm([]) == []


def draws(point: float, by_seed: list[float], spread: float, samples: int) -> Draws:
    around = np.random.default_rng(0).normal(0, 1, (4000, 1))
    around = (around - around.mean()) / around.std() * spread
    seeds = np.array([by_seed])
    return Draws(np.array([point]), seeds, point + around, around, np.array([samples - 1.0]))


def test_p_values_are_those_of_t_where_one_error_is_all_there_is() -> None:
    seeds = [1.0, 2.0, 6.0]
    error = np.std(seeds, ddof=1) / np.sqrt(3)
    assert p_values(draws(3.0, seeds, 0.0, 50)) == pytest.approx(2 * upper_tail(np.array([3 / error]), 2), rel=1e-3)
    scale = 0.5 * np.sqrt(10 / 9)
    assert p_values(draws(1.0, [1.0], 0.5, 10)) == pytest.approx(2 * upper_tail(np.array([1 / scale]), 9), rel=1e-6)
    assert p_values(draws(0.0, [0.0], 0.5, 10)) == 1
    assert p_values(draws(1.0, [1.0], 0.0, 10)) == 0
    assert np.isnan(p_values(draws(0.0, [0.0], 0.0, 10))), "the same, sample by sample: nothing to be tested"
    assert np.isnan(p_values(draws(1.0, [1.0], 0.5, 1)))
    assert np.isnan(p_values(draws(np.nan, [1.0], 0.5, 9)))


def test_p_values_of_both_errors_agree_with_draws() -> None:
    generator = np.random.default_rng(1)
    seeds = [0.2, 0.5, 0.8, 0.1]
    errors = 0.3 * np.sqrt(12 / 11) * generator.standard_t(11, 400_000)
    errors += np.std(seeds, ddof=1) / 2 * generator.standard_t(3, 400_000)
    for point in (0.2, 0.9, 2.0):
        expected = np.mean(np.abs(errors) >= point)
        assert p_values(draws(point, seeds, 0.3, 12)) == pytest.approx(expected, rel=0.02, abs=2e-4)


def simulate(generator: np.random.Generator, seeds: int, samples: int, seed_spread: float) -> list[Draws]:
    """Tasks with arms none of which is better than another, and their draws, differences to the first arm behind."""
    weights = seed_weights(seeds, RESAMPLES, generator)
    found = []
    for _ in range(TASKS):
        tokens = generator.integers(5, 60, samples)
        difficulty = generator.normal(0, 0.5, samples)
        shifts = generator.normal(0, seed_spread, (ARMS, seeds, 1))
        # What an arm does to a sample, in every seed: without it, its samples would say nothing about new ones.
        own = generator.normal(0, 0.1, (ARMS, 1, samples))
        noise = generator.normal(0, 0.05, (ARMS, seeds, samples))
        stack = {str(arm): losses for arm, losses in enumerate((2 + difficulty + shifts + own + noise) * tokens)}
        found.append(draw_task(with_differences(stack, "0"), tokens, weights, generator))
    return found


def all_differences(tasks: list[Draws]) -> list[Draws]:
    """The differences of all arms but the first on every task, and of all pairs on the mean."""
    pairs = [(one, other) for one in range(ARMS) for other in range(one)]
    means = [mean_over_tasks([task.contrast(*pair) for task in tasks], np.ones(TASKS)) for pair in pairs]
    return [task.contrast(arm, 0) for task in tasks for arm in range(1, ARMS)] + means


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "samples", "seed_spread"), [(3, 40, 0.1), (3, 40, 0.0), (5, 80, 0.02), (1, 40, 0.0), (2, 12, 0.05)]
)
def test_corrected_they_err_in_no_more_than_five_of_a_hundred_comparisons(seeds, samples, seed_spread) -> None:
    generator = np.random.default_rng(0)
    trials, alone, together = 150, 0, 0
    for _ in range(trials):
        p = [float(p_values(each)[0]) for each in all_differences(simulate(generator, seeds, samples, seed_spread))]
        alone += min(p) < 0.05
        together += min(value for value in holm(p) if value is not None) < 0.05
    # 5% of 150 trials: 7.5, and 16 or more in a quarter of a hundredth of all tests.
    assert together <= 15, together
    assert alone > 2 * together, "and uncorrected ones in far more"


@pytest.mark.slow
def test_max_t_from_the_same_draws_would_err_in_many_more() -> None:
    """Why the correction is Holm's: draws of three seeds do not know how independent the seed errors of tasks are."""
    generator = np.random.default_rng(0)
    erred = 0
    for _ in range(100):
        found = [task.contrast(arm, 0) for task in simulate(generator, 3, 40, 0.1) for arm in range(1, ARMS)]
        errors = np.concatenate([each.resampled - each.point for each in found], axis=1)
        scale = np.quantile(np.abs(errors), 0.95, axis=0)
        factor = np.quantile((np.abs(errors) / scale).max(axis=1), 0.95)
        erred += any(abs(each.point[0]) > factor * scale[index] for index, each in enumerate(found))
    assert erred >= 15, erred
