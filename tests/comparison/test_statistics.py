"""Intervals hold what they promise; the estimate is what it says."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.comparison.outcome import with_differences
from mft_core.comparison.statistics import Draws, draw_task, mean_over_tasks, seed_weights

RESAMPLES = 400


def simulate(
    generator: np.random.Generator, true: np.ndarray, seeds: int, samples: int, seed_spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cross-entropies [A, S, M] and tokens [M]: samples differ much, alike for all arms; seeds shift whole arms."""
    tokens = generator.integers(5, 60, samples)
    difficulty = generator.normal(0, 0.5, samples)
    shifts = generator.normal(0, seed_spread, (len(true), seeds, 1))
    noise = generator.normal(0, 0.05, (len(true), seeds, samples))
    return (true[:, None, None] + difficulty + shifts + noise) * tokens, tokens


def draw(cross_entropy: np.ndarray, tokens: np.ndarray, generator: np.random.Generator) -> Draws:
    weights = seed_weights(cross_entropy.shape[1], RESAMPLES, generator)
    stack = {str(arm): losses for arm, losses in enumerate(cross_entropy)}
    return draw_task(with_differences(stack, "0"), tokens, weights, generator)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "samples", "seed_spread"), [(3, 60, 0.1), (3, 60, 0.01), (8, 200, 0.1), (1, 60, 0.0), (3, 3, 0.05)]
)
def test_intervals_hold_the_truth_as_often_as_they_promise(seeds: int, samples: int, seed_spread: float) -> None:
    generator = np.random.default_rng(0)
    true = np.array([2.0, 1.9])
    trials, held = 400, np.zeros(3)
    for _ in range(trials):
        low, high = draw(*simulate(generator, true, seeds, samples, seed_spread), generator).interval()
        expected = np.array([*true, true[1] - true[0]])
        held += (low[[0, 1, 3]] <= expected) & (expected <= high[[0, 1, 3]])
    # 95% of 400 trials: 380, give or take 13 in 99.7% of all tests; too wide is a lesser evil than too narrow.
    assert (held >= 365).all(), held
    assert held[2] <= 399 or samples < 10, held


def test_a_bootstrap_of_three_seeds_would_hold_it_much_too_seldom() -> None:
    """Why the seeds are not simply resampled."""
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        values = generator.normal(0, 1, 3)
        low, high = np.quantile(values[generator.integers(0, 3, (RESAMPLES, 3))].mean(axis=1), [0.025, 0.975])
        held += bool(low <= 0 <= high)
    assert held < 0.85 * 400


def test_the_error_of_the_mean_over_seeds_has_the_t_distribution() -> None:
    values = np.array([1.0, 2.0, 6.0])
    drawn = seed_weights(3, 200_000, np.random.default_rng(0)) @ values
    error = values.std(ddof=1) / np.sqrt(3)
    # Quantiles of t with 2 degrees of freedom, from any table.
    for share, expected in ((0.75, 0.8165), (0.9, 1.8856), (0.975, 4.3027)):
        assert np.quantile(drawn, share) / error == pytest.approx(expected, rel=0.03)


def test_pairing_makes_the_interval_of_a_difference_narrower() -> None:
    generator = np.random.default_rng(1)
    cross_entropy, tokens = simulate(generator, np.array([2.0, 1.9]), 3, 80, 0.0)
    low, high = draw(cross_entropy, tokens, generator).interval()
    width = high - low
    unpaired = np.hypot(width[0], width[1])
    assert width[3] < unpaired / 4
    assert high[3] < 0


def test_equal_arms_differ_by_exactly_zero() -> None:
    generator = np.random.default_rng(2)
    one, tokens = simulate(generator, np.array([1.7]), 3, 37, 0.1)
    found = draw(np.repeat(one, 3, axis=0), tokens, generator)
    assert not found.resampled[:, 3:].any()
    assert not found.point[3:].any()


def test_the_estimate_is_the_mean_over_seeds_of_summed_loss_over_summed_tokens() -> None:
    generator = np.random.default_rng(3)
    cross_entropy, tokens = simulate(generator, np.array([2.0, 1.0]), 2, 9, 0.1)
    found = draw(cross_entropy, tokens, generator)
    by_hand = [[sum(seed) / sum(tokens) for seed in arm] for arm in cross_entropy.tolist()]
    assert found.by_seed[:2] == pytest.approx(np.array(by_hand))
    assert found.point[:2] == pytest.approx(np.mean(by_hand, axis=1))
    assert found.point[3] == pytest.approx(np.mean(by_hand[1]) - np.mean(by_hand[0]))


def test_samples_weigh_by_their_tokens_in_every_resample() -> None:
    generator = np.random.default_rng(5)
    tokens = generator.integers(1, 500, 30)
    found = draw_task(2.5 * tokens[None, None].astype(float), tokens, np.zeros((RESAMPLES, 1)), generator)
    assert found.resampled == pytest.approx(2.5)  # every token costs the same, whichever samples are drawn


def test_one_sample_says_nothing_about_others_and_one_seed_nothing_about_others() -> None:
    generator = np.random.default_rng(4)
    low, high = draw(*simulate(generator, np.array([2.0, 1.9]), 3, 1, 0.1), generator).interval()
    assert np.isnan([low, high]).all()
    assert not seed_weights(1, 5, generator).any()


def test_the_mean_over_tasks_weighs_by_importance() -> None:
    parts = [
        Draws(np.array([value]), np.array([[value]]), np.full((4, 1), value), np.zeros((4, 1)), np.array([9.0]))
        for value in (1.0, 5.0)
    ]
    mean = mean_over_tasks(parts, np.array([3.0, 1.0]))
    assert (mean.point[0], mean.by_seed[0, 0], mean.resampled[0, 0]) == (2.0, 2.0, 2.0)
