"""What FAMO's weights are divided by: `divide_by`."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.famo_courses import PLAIN, famo, feed
from mft_core.testing.samples import task_losses
from mft_losses.famo import Famo
from mft_losses.famo_train import FamoTrain

DIVISORS = ["loss", "first-loss", "nothing"]


@pytest.mark.parametrize("divide_by", DIVISORS)
def test_equal_relative_decreases_leave_the_weights_as_they_are(divide_by: str) -> None:
    loss = famo(3, divide_by=divide_by, **PLAIN)
    start = np.array([0.5e4, 2e4, 4e4])  # large beside the 1e-8 that is added to losses, of which Adam makes steps
    first = task_losses(start)
    loss.observe(first, first)
    before = loss.task_weights()
    feed(loss, [start * 0.97**step for step in range(20)])
    assert np.allclose(loss.task_weights(), before, atol=1e-4)


@pytest.mark.parametrize("divide_by", ["first-loss", "nothing"])
def test_without_the_latest_loss_only_the_slow_task_gains(divide_by: str) -> None:
    # The loss of the fast task falls to a 20th in twenty steps, which xi makes up for by at most 20 * 0.025 each way.
    trajectory = [[2 * 0.86**step, 2 * 0.99**step] for step in range(21)]
    published, mended = (famo(2, divide_by=each, floor=1e-12) for each in ("loss", divide_by))
    feed(published, trajectory)
    feed(mended, trajectory)
    assert np.array_equal(published.logits, mended.logits)
    assert published.task_weights()[1] < 0.2
    assert mended.task_weights()[1] > 0.6


def test_divided_by_nothing_a_low_loss_gets_no_more_than_a_high_one() -> None:
    trajectory = [[1e3 * 0.97**step, 3e4 * 0.97**step] for step in range(10)]
    undivided, published = (famo(2, divide_by=each) for each in ("nothing", "loss"))
    feed(undivided, trajectory)
    feed(published, trajectory)
    assert np.allclose(undivided.task_weights(), 0.5, atol=1e-2)
    assert published.task_weights()[0] > 0.9


@pytest.mark.parametrize("divide_by", DIVISORS)
def test_what_a_scaled_loss_changes(divide_by: str) -> None:
    plain, scaled = famo(3, divide_by=divide_by, **PLAIN), famo(3, divide_by=divide_by, **PLAIN)
    trajectory = np.random.default_rng(1).uniform(0.9, 1, (20, 3)).cumprod(0)
    factor = np.array([1.0, 50.0, 1.0])
    feed(plain, trajectory)
    feed(scaled, trajectory * factor)
    assert np.allclose(plain.logits, scaled.logits, atol=1e-6)
    one, other = plain.task_weights(), scaled.task_weights()
    if divide_by != "nothing":
        one, other = one * trajectory[-1], other * trajectory[-1] * factor
    assert np.allclose(one / one.sum(), other / other.sum(), atol=1e-6)


def test_the_first_loss_is_the_first_that_was_measured_and_outlasts_a_resume() -> None:
    loss = famo(3, divide_by="first-loss", floor=1e-12)
    start = task_losses([2.0, np.nan, 1.0])
    loss.observe(start, start)
    feed(loss, [[2.0, np.nan, 1.0], [1.0, 8.0, 0.5], [0.5, 1.0, 0.25]])
    resumed = famo(3, divide_by="first-loss", floor=1e-12)
    resumed.load_state_dict(loss.state_dict())
    share = np.exp(loss.logits) / [2.0, 8.0, 1.0]
    assert np.allclose(resumed.task_weights(), share / share.sum(), rtol=1e-6)


@pytest.mark.parametrize("divide_by", DIVISORS)
def test_all_forms_come_to_rest_where_tasks_improve_equally(divide_by: str) -> None:
    # Losses that hardly change, so that a step's decrease of log L_i is <grad log L_i, sum_j omega_j grad L_j>.
    losses = np.array([0.5, 1.0, 4.0])
    products = np.array([[1.0, 0.1, 0.0], [0.1, 0.5, 0.1], [0.0, 0.1, 0.3]])  # of the gradients of log L
    loss = famo(3, divide_by=divide_by, decay=0, learning_rate=5e-3, **PLAIN)
    after = task_losses(losses)
    loss.observe(after, after)
    for _ in range(1500):
        decrease = products @ (loss.task_weights() * losses)
        loss.observe(task_losses(losses * np.exp(1e-3 * decrease)), after)
    least_norm = np.linalg.solve(products, np.ones(3))
    expected = least_norm / losses
    assert (least_norm > 0).all()
    assert np.allclose(loss.task_weights(), expected / expected.sum(), atol=0.01)


def test_both_divide_as_published_unless_they_are_asked_not_to() -> None:
    assert Famo().options.divide_by == FamoTrain().options.divide_by == "loss"
