"""CoBa against its published equations (arXiv 2410.06741), written as loops."""

from __future__ import annotations

import json
from math import exp

import numpy as np
import pytest

from mft_core.records import TaskCounts
from mft_core.testing.samples import task_losses
from mft_losses.coba import Coba, CobaOptions, absolute_scores, divergence_factor, relative_scores


def coba(tasks: int, **options) -> Coba:
    loss = Coba(CobaOptions(**options))
    ones = np.ones(tasks, np.int64)
    loss.start(TaskCounts(tuple(map(str, range(tasks))), ones, ones, np.ones(tasks)))
    return loss


def course(tasks: int, steps: int, seed: int = 0, rising: int | None = None) -> np.ndarray:
    """float64 [steps, tasks]: noisy losses that fall, each at a pace of its own; one may rise after a while."""
    generator = np.random.default_rng(seed)
    time = np.arange(steps)[:, None]
    losses = generator.uniform(0.5, 4, tasks) * (0.3 + 0.7 * np.exp(-time * generator.uniform(0.01, 0.2, tasks)))
    if rising is not None:
        losses[:, rising] *= 1 + 0.03 * np.maximum(time[:, 0] - steps // 2, 0)
    return losses * generator.uniform(0.97, 1.03, losses.shape)


def weights_after(loss: Coba, losses: np.ndarray) -> np.ndarray:
    """float64 [steps, tasks]: the weights after each measurement."""
    found = []
    for row in losses:
        measured = task_losses(row)
        loss.observe(measured, measured)
        found.append(loss.task_weights())
    return np.array(found)


def softmax_loop(values: list[float]) -> list[float]:
    total = sum(exp(value) for value in values)
    return [exp(value) / total for value in values]


def slope_loop(values: list[float]) -> float:
    """Least squares over 0, 1, 2, ... by the normal equations, uncentred."""
    n = len(values)
    x, xx = sum(range(n)), sum(step * step for step in range(n))
    y, xy = sum(values), sum(step * value for step, value in enumerate(values))
    return (n * xy - x * y) / (n * xx - x * x)


def published(losses: np.ndarray, warmup: int, window: int, tau: float) -> tuple[list[list[float]], list[float]]:
    """Weights and DF after every measurement, slopes being fitted from the end of the warm-up on."""
    steps, tasks = losses.shape
    slopes: list[list[float]] = []
    weights, factors = [], []
    for t in range(steps):
        if t < max(warmup, 1):
            weights.append([1 / tasks] * tasks)
            continue
        first = max(0, t - window + 1)
        ratios = [[losses[s, i] / losses[0, i] for s in range(first, t + 1)] for i in range(tasks)]
        slopes.append([slope_loop(values) for values in ratios])
        latest = slopes[-1]
        relative = softmax_loop([tasks * alpha / sum(abs(other) for other in latest) for alpha in latest])
        recent = slopes[-window:]
        n = len(recent)
        absolute = softmax_loop([-n * latest[i] / sum(abs(row[i]) for row in recent) for i in range(tasks)])
        largest = [max(row) for row in slopes]
        n = len(largest)
        among = softmax_loop([-tau * n * alpha / sum(abs(other) for other in largest) for alpha in largest])
        factor = min(1.0, n * among[-1])
        factors.append(factor)
        weights.append([factor * r + (1 - factor) * a for r, a in zip(relative, absolute, strict=True)])
    return weights, factors


@pytest.mark.parametrize(("warmup", "window", "tau"), [(0, 100, 5.0), (5, 100, 2.0), (5, 8, 5.0), (12, 6, 1.0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_published_equations_in_windows_not_yet_full_and_full(warmup, window, tau, seed) -> None:
    losses = course(4, 40, seed, rising=2)
    expected, factors = published(losses, warmup, window, tau)
    found = weights_after(coba(4, warmup=warmup, window=window, temperature=tau), losses)
    assert np.allclose(found, expected, rtol=1e-8, atol=0)
    assert min(factors) < 0.9 < max(factors), "both scores should matter"
    assert np.abs(found - 0.25).max() > 0.03


def test_the_divergence_factor_stays_in_its_range_and_falls_when_a_task_diverges() -> None:
    generator = np.random.default_rng(0)
    for n in (1, 2, 10, 500):
        for scale in (1e-9, 1.0, 1e6):
            largest = generator.normal(-1, 1, n) * scale
            assert 0 <= divergence_factor(largest, 5.0) <= 1
    falling = np.full(30, -0.1)
    assert divergence_factor(falling, 5.0) == pytest.approx(1)
    assert divergence_factor(np.append(falling, 0.1), 5.0) < 1e-3
    assert divergence_factor(np.append(falling, -1.0), 5.0) == 1, "faster than ever before"


def test_equal_tasks_have_equal_weights() -> None:
    losses = np.repeat(course(1, 30), 5, axis=1)
    assert np.allclose(weights_after(coba(5, warmup=3, window=10), losses), 0.2, rtol=1e-12)


def test_permuting_the_tasks_permutes_the_weights() -> None:
    losses, order = course(5, 30, rising=1), np.array([3, 0, 4, 1, 2])
    one, other = (weights_after(coba(5, warmup=3, window=10), data) for data in (losses, losses[:, order]))
    assert np.allclose(one[:, order], other, rtol=1e-12)


def test_the_units_of_losses_and_of_time_do_not_matter() -> None:
    losses = course(3, 30, rising=1)
    one, other = (
        weights_after(coba(3, warmup=3, window=10), data) for data in (losses, losses * np.array([1.0, 1e3, 1e-2]))
    )
    assert np.allclose(one, other, rtol=1e-9)
    slopes = np.random.default_rng(0).normal(-1, 1, (20, 4)) * 1e-3
    for scale in (10.0, 1e-3):
        assert np.allclose(relative_scores(slopes[-1]), relative_scores(slopes[-1] * scale), rtol=1e-9)
        assert np.allclose(absolute_scores(slopes), absolute_scores(slopes * scale), rtol=1e-9)
        assert divergence_factor(slopes.max(1), 5.0) == pytest.approx(divergence_factor(slopes.max(1) * scale, 5.0))


def test_a_gap_does_not_shift_the_measurements_after_it() -> None:
    # A straight line has one slope, whichever points of it are known.
    time = np.arange(20)[:, None]
    losses = 2 * (1 - 0.01 * time * np.array([1.0, 2.0, 3.0]))
    holes = losses.copy()
    holes[[3, 4, 9, 15], 1] = np.nan
    one, other = (weights_after(coba(3, warmup=2, window=12), data) for data in (losses, holes))
    assert np.allclose(one[-1], other[-1], rtol=1e-9)
    assert one[-1].argmax() == 0, "the slowest"


def test_a_task_without_validation_data_gets_the_mean_weight_of_the_others() -> None:
    losses = course(4, 30, rising=1)
    losses[:, 2] = np.nan
    found = weights_after(coba(4, warmup=3, window=10), losses)
    rest = weights_after(coba(3, warmup=3, window=10), losses[:, [0, 1, 3]])
    assert np.allclose(found[:, 2], 0.25, rtol=1e-12)
    assert np.allclose(found[:, [0, 1, 3]], rest * 0.75, rtol=1e-12)


@pytest.mark.parametrize("value", [1.0, 0.0], ids=["flat", "zero"])
def test_flat_losses_give_uniform_weights(value) -> None:
    found = weights_after(coba(3, warmup=2, window=5), np.full((12, 3), value))
    assert np.allclose(found, 1 / 3, rtol=1e-12)


def test_a_first_loss_that_is_not_finite_is_not_what_later_ones_are_compared_with() -> None:
    losses = course(3, 30)
    spoilt = losses.copy()
    loss = coba(3, warmup=3, window=10)
    first = task_losses(losses[0])
    first.token_sum[1] = np.inf
    loss.observe(first, first)
    found = weights_after(loss, losses[1:])
    spoilt[0, 1] = np.nan
    assert np.allclose(found, weights_after(coba(3, warmup=3, window=10), spoilt)[1:], rtol=1e-12)


def test_weights_are_uniform_until_the_warm_up_is_over() -> None:
    found = weights_after(coba(3, warmup=10, window=20), course(3, 20))
    assert np.allclose(found[:10], 1 / 3, rtol=1e-12)
    assert np.abs(found[10:] - 1 / 3).max(1).min() > 1e-3


def test_it_goes_on_bit_by_bit_with_its_window_not_full_and_full() -> None:
    losses = course(3, 30, rising=1)
    losses[5, 0] = np.nan
    for cut in (1, 4, 25):
        whole, resumed = coba(3, warmup=3, window=8), coba(3, warmup=3, window=8)
        weights_after(whole, losses[:cut])
        resumed.load_state_dict(json.loads(json.dumps(whole.state_dict(), allow_nan=False)))
        expected = weights_after(whole, losses[cut:])
        assert np.array_equal(weights_after(resumed, losses[cut:]), expected)


def test_what_it_keeps_of_each_task_is_bounded_by_the_window() -> None:
    loss = coba(3, warmup=2, window=6)
    weights_after(loss, course(3, 50))
    state = loss.state_dict()
    assert (len(state["losses"]), len(state["slopes"])) == (6, 6)
    assert len(state["largest"]) == 48
