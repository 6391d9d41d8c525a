"""Align: weight goes where training gradients point along the mean validation gradient, as its formula says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mft_core.interfaces import Gramians
from mft_core.records import TaskCounts
from mft_losses.align import Align, cosines_with_mean


def started(tasks: int, importance: list[float] | None = None, **options) -> Align:
    loss = Align.from_options(options)
    sizes = np.arange(1, tasks + 1)
    names = tuple(map(str, range(tasks)))
    loss.start(TaskCounts(names, sizes, sizes, np.array(importance or [1.0] * tasks)))
    return loss


def gramians(train, valid, absent: tuple[int, ...] = ()) -> Gramians:
    """Of gradients, [N, parameters]."""
    train, valid = (np.array(side, np.float64) for side in (train, valid))
    present = np.isin(np.arange(len(train)), absent, invert=True)
    train[~present] = valid[~present] = 0
    return Gramians(present, ~present, train @ train.T, valid @ valid.T, train @ valid.T)


# Tasks 0 and 1 help each other on validation data; task 2's training opposes what they need.
TRAIN = [[2.0, 0.0], [3.0, 3.0], [-0.1, 0.0]]
VALID = [[1.0, 0.0], [5.0, 0.0], [0.0, 0.0]]
COSINES = np.array([1, np.sqrt(0.5), -1])


def test_a_task_that_opposes_what_validation_asks_for_loses_weight_as_the_formula_says() -> None:
    loss = started(3, step_size=0.3, floor=0.2)
    for measurement in range(1, 4):
        loss.observe_gradients(gramians(TRAIN, VALID))
        shares = np.exp(0.3 * measurement * COSINES)
        expected = 0.8 * shares / shares.sum() + 0.2 / 3
        assert loss.task_weights() == pytest.approx(expected, abs=1e-12)


def test_lengths_of_training_gradients_and_a_scale_of_all_do_not_matter() -> None:
    one, other = started(3), started(3)
    one.observe_gradients(gramians(TRAIN, VALID))
    scaled = np.array(TRAIN) * np.array([[1e-4], [10], [1e3]])
    other.observe_gradients(gramians(scaled, np.array(VALID) * 1e-3))
    assert other.task_weights() == pytest.approx(one.task_weights(), abs=1e-12)


def test_the_mean_validation_gradient_and_the_weights_follow_the_tasks_own_weight() -> None:
    train, valid = [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]
    loss = started(2, [3.0, 1.0], step_size=1, floor=0)
    loss.observe_gradients(gramians(train, valid))
    shares = np.exp(np.array([3, 1]) / np.sqrt(10)) * [3, 1]
    assert loss.task_weights() == pytest.approx(shares / shares.sum(), abs=1e-12)


def test_no_task_falls_below_its_share_of_the_floor_and_it_comes_back_at_once() -> None:
    loss = started(2, step_size=1, floor=0.2)
    away, back = gramians([[1.0], [-1.0]], [[1.0], [1.0]]), gramians([[-1.0], [1.0]], [[1.0], [1.0]])
    for _ in range(100):
        loss.observe_gradients(away)
    low = loss.task_weights()
    assert 0.1 < low[1] < 0.2
    loss.observe_gradients(back)
    loss.observe_gradients(back)
    assert loss.task_weights()[1] > 0.6
    even = started(2, step_size=1, floor=1)
    even.observe_gradients(away)
    assert even.task_weights() == pytest.approx([0.5, 0.5])


def test_a_task_that_was_not_measured_moves_with_the_mean_of_the_others() -> None:
    loss = started(4, step_size=0.3, floor=0)
    # Task 3 would turn the mean around.
    loss.observe_gradients(gramians([*TRAIN, [9.0, 9.0]], [*VALID, [-50.0, 0.0]], absent=(3,)))
    shares = np.exp(0.3 * np.array([*COSINES, COSINES.mean()]))
    assert loss.task_weights() == pytest.approx(shares / shares.sum(), abs=1e-12)
    before = loss.task_weights().tolist()
    loss.observe_gradients(gramians(np.ones((4, 2)), np.ones((4, 2)), absent=(0, 1, 2, 3)))
    assert loss.task_weights().tolist() == before


def test_gradients_that_are_0_have_no_direction() -> None:
    one = np.eye(2)
    assert cosines_with_mean(np.diag([0.0, 1.0]), one, np.array([[0.0, 0], [0.5, 0]]), np.ones(2)).tolist() == [
        0, pytest.approx(0.5 / np.sqrt(2)),
    ]  # fmt: skip
    assert cosines_with_mean(one, np.zeros((2, 2)), np.zeros((2, 2)), np.ones(2)).tolist() == [0, 0]


def test_it_keeps_a_number_for_each_task_and_goes_on_from_them() -> None:
    whole, resumed = started(3), started(3)
    whole.observe_gradients(gramians(TRAIN, VALID))
    state = json.loads(json.dumps(whole.state_dict()))
    assert [len(values) for values in state.values()] == [3]
    resumed.load_state_dict(state)
    for loss in (whole, resumed):
        loss.observe_gradients(gramians(VALID, TRAIN))
    assert resumed.task_weights().tolist() == whole.task_weights().tolist()
