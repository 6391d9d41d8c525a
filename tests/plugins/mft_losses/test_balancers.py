"""The plainer balancers against their definitions, and every loss where counts are extreme."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mft_core.batching.collate import collate
from mft_core.batching.sample_table import SampleTable
from mft_core.interfaces import Loss
from mft_core.records import StepCounts, TaskCounts, TaskLosses
from mft_core.registry.catalog import load_entry
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.losses import check_weights, observe_course, random_course, step_gradient, take_step
from mft_core.testing.samples import ListStore, random_stores, table_counts, task_losses
from mft_losses.dynamic_average import DynamicWeightAverage
from mft_losses.power import Power
from mft_losses.random_weights import RandomWeights
from mft_losses.robust import GroupRobust
from mft_losses.uncertainty import Uncertainty

LOSSES = {
    entry.name: load_entry(entry)
    for entry in discover(Workspace()).catalog.of_kind("loss")
    if entry.plugin == "mft-losses"
}


def counts(samples: list[int], tokens: list[int] | None = None, importance: list[float] | None = None) -> TaskCounts:
    names = tuple(f"task{index}" for index in range(len(samples)))
    sizes = np.array(samples)
    return TaskCounts(names, sizes, np.array(tokens or sizes * 10), np.array(importance or np.ones(len(samples))))


def started(loss_class: type[Loss], of: TaskCounts, **options) -> Loss:
    loss = loss_class(loss_class.Options(**options))
    loss.start(of)
    return loss


def steps_of(tokens: list[int], means: list[float]) -> TaskLosses:
    """A step's losses with these token counts and means."""
    amounts = np.array(tokens)
    sums = np.array(means) * amounts
    return TaskLosses(sums, amounts, sums, amounts, np.zeros(len(tokens)))


# power


@pytest.mark.parametrize("by", ["tokens", "samples"])
def test_power_is_balanced_at_0_and_mixed_at_1_and_between_the_two_in_between(by) -> None:
    of = counts([4, 100, 25], [90, 10, 40], [1.0, 2.0, 1.0])
    ends = [started(LOSSES[name], of, by=by).task_weights() for name in ("balanced", "mixed")]
    assert np.allclose(started(Power, of, exponent=0.0, by=by).task_weights(), ends[0], rtol=1e-15)
    assert np.allclose(started(Power, of, exponent=1.0, by=by).task_weights(), ends[1], rtol=1e-15)
    middle = started(Power, of, by=by).task_weights()
    sizes = {"tokens": [90, 10, 40], "samples": [4, 100, 25]}[by]
    expected = [sizes[0] ** 0.5, 2 * sizes[1] ** 0.5, sizes[2] ** 0.5]
    assert middle.tolist() == pytest.approx([value / sum(expected) for value in expected], rel=1e-12)


# dwa


def test_dwa_is_equation_7_by_hand() -> None:
    loss = started(DynamicWeightAverage, counts([5, 5]), window=2, temperature=2.0)
    windows = [
        (steps_of([10, 2], [4.0, 2.0]), steps_of([30, 2], [2.0, 1.0])),  # means (40 + 60) / 40 = 2.5 and 1.5
        (steps_of([10, 0], [2.0, 0.0]), steps_of([10, 4], [1.0, 1.2])),  # means 1.5 and 1.2
        (steps_of([10, 1], [0.3, 1.8]), steps_of([10, 1], [0.3, 1.8])),  # means 0.3 and 1.8
    ]
    weights = []
    for window in windows:
        for step in window:
            loss.after_step(step, None)
            weights.append(loss.task_weights().tolist())
    uniform = [0.5, 0.5]
    second = np.exp([1.5 / 2.5 / 2, 1.2 / 1.5 / 2])
    third = np.exp([0.3 / 1.5 / 2, 1.8 / 1.2 / 2])
    assert weights[:3] == [uniform] * 3
    assert weights[3] == weights[4] == pytest.approx((second / second.sum()).tolist(), rel=1e-12)
    assert weights[5] == pytest.approx((third / third.sum()).tolist(), rel=1e-12)


def test_a_high_temperature_makes_dwa_uniform() -> None:
    ratios = [[2.0, 2.0], [2.0, 1.0]]
    distances = []
    for temperature in (0.5, 2.0, 1e6):
        loss = started(DynamicWeightAverage, counts([5, 5]), window=1, temperature=temperature)
        for means in ratios:
            loss.after_step(task_losses(means), None)
        distances.append(abs(loss.task_weights()[0] - 0.5))
    assert distances[0] > distances[1] > 0.01
    assert distances[2] < 1e-6


# dro


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_dro_after_k_steps_is_its_closed_form(smoothing) -> None:
    loss = started(GroupRobust, counts([5, 50, 5]), step_size=0.05, smoothing=smoothing)
    course = np.random.default_rng(0).uniform(0.5, 3, (40, 3))
    for means in course:
        loss.after_step(task_losses(means), None)
    unnormalised = np.exp(0.05 * course.sum(0))
    expected = (1 - smoothing) * unnormalised / unnormalised.sum() + smoothing / 3
    assert np.allclose(loss.task_weights(), expected, rtol=1e-10)
    assert (np.ptp(expected) > 0.01) == (smoothing < 1)


def test_dro_moves_an_absent_task_with_the_mean_of_the_others() -> None:
    loss = started(GroupRobust, counts([5, 5, 5]), step_size=0.1, smoothing=0)
    loss.after_step(task_losses([1.0, np.nan, 3.0]), None)
    expected = np.exp([0.1, 0.2, 0.3])
    assert np.allclose(loss.task_weights(), expected / expected.sum(), rtol=1e-12)


# uncertainty


def test_uncertainty_weights_are_the_inverse_losses() -> None:
    loss = started(Uncertainty, counts([5, 5, 5], importance=[1.0, 1.0, 2.0]))
    loss.after_step(task_losses([4.0, 1.0, 0.5]), None)
    expected = np.array([1 / 4, 1.0, 2 / 0.5])
    assert np.allclose(loss.task_weights(), expected / expected.sum(), rtol=1e-12)
    for _ in range(300):
        loss.after_step(task_losses([1.0, 2.0, 4.0]), None)
    expected = np.array([1.0, 1 / 2, 2 / 4])
    assert np.allclose(loss.task_weights(), expected / expected.sum(), rtol=1e-9)
    assert loss.task_weights() @ [1.0, 0, 0] == pytest.approx(loss.task_weights()[1] * 2.0), "equal parts w_i L_i"


def test_a_vanishing_loss_does_not_take_all_of_the_uncertainty_weight() -> None:
    loss = started(Uncertainty, counts([5] * 3))
    loss.after_step(task_losses([2.0, 2.0, 0.0]), None)
    check_weights(loss.task_weights(), 3)
    assert loss.task_weights()[0] > 1e-4


# random


def test_random_weights_have_a_uniform_mean_and_change_at_every_step() -> None:
    loss = started(RandomWeights, counts([1, 10, 100, 1000]))
    drawn = []
    for _ in range(2000):
        drawn.append(loss.task_weights())
        loss.after_step(task_losses([1.0] * 4), None)
    assert np.abs(np.mean(drawn, 0) - 0.25).max() < 0.02
    assert np.std(drawn, 0).min() > 0.1
    assert len({tuple(weights) for weights in drawn}) == len(drawn)


def test_random_weights_are_a_function_of_seed_and_step() -> None:
    def draw(loss: Loss, steps: int) -> list[list[float]]:
        found = []
        for _ in range(steps):
            found.append(loss.task_weights().tolist())
            loss.after_step(task_losses([1.0] * 3), None)
        return found

    of = counts([5] * 3)
    whole = draw(started(RandomWeights, of), 10)
    assert draw(started(RandomWeights, of), 10) == whole
    assert draw(started(RandomWeights, of, seed=1), 10) != whole
    first, resumed = started(RandomWeights, of), started(RandomWeights, of)
    draw(first, 4)
    resumed.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert draw(resumed, 6) == whole[4:]


# Extremes


EXTREMES = {
    "1 to 100,000": counts([1, 100_000, 300], [1, 100_000 * 400, 300 * 50]),
    "200 tasks": counts(np.geomspace(1, 1e6, 200).astype(int).tolist()),
}


@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("of", EXTREMES.values(), ids=EXTREMES.keys())
@pytest.mark.parametrize("within", ["mean", "focal-sample", "focal-task"])
def test_weights_stay_finite_and_positive_where_counts_are_extreme(name, of, within) -> None:
    loss = started(LOSSES[name], of, within=within)
    course = random_course(len(of), steps=30)
    course[:, 0] *= 1e-6
    course[:, 1] *= 1e3
    observe_course(loss, course)
    weights = loss.task_weights()
    check_weights(weights, len(of))
    assert weights.min() > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "within"),
    [*((name, "focal-task") for name in sorted(LOSSES)), ("balanced", "mean"), ("balanced", "focal-sample")],
)
def test_200_tasks_of_which_one_has_a_single_supervised_token_have_a_finite_gradient(model, name, within) -> None:
    generator = np.random.default_rng(0)
    stores = random_stores(generator.integers(1, 3, 200).tolist(), longest=6)
    lone = stores[7].samples[0]
    lone.supervised[:] = False
    lone.supervised[-1] = True
    table = SampleTable([*stores[:7], ListStore([lone]), *stores[8:]])
    of = table_counts(table)
    assert of.tokens[7] == of.samples[7] == 1
    loss = started(LOSSES[name], of, within=within)
    losses = evaluation_context(model, table, of.names, micro=400).losses()
    step = StepCounts(of.samples, of.tokens, 1, losses)
    rows = [np.arange(len(table))[index::8] for index in range(8)]
    gradient = step_gradient(model, loss, table, rows, step, micro=8)
    assert torch.isfinite(gradient).all()
    assert gradient.norm() > 0
    take_step(loss, losses, losses)
    check_weights(loss.task_weights(), 200)
    contributions = loss.within.contributions(model(collate(rows, table)), step)
    assert (contributions != 0).all(), "every task takes part"
