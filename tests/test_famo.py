"""FAMO: the reference algorithm, driven by validation losses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from mft_core.records import TaskCounts
from mft_core.testing.samples import task_losses
from mft_losses.famo import Famo, FamoOptions

PLAIN = {"scale_delta": False, "guard": False, "floor": 1e-12}


def famo(tasks: int, **options) -> Famo:
    loss = Famo(FamoOptions(**options))
    ones = np.ones(tasks, np.int64)
    loss.start(TaskCounts(tuple(map(str, range(tasks))), ones, ones, np.ones(tasks)))
    return loss


class ReferenceFamo:
    """FAMO as its paper states it (arXiv 2306.03792, algorithm 1), with autograd and torch's Adam."""

    def __init__(self, tasks: int, gamma: float) -> None:
        self.xi = torch.zeros(tasks, dtype=torch.float64, requires_grad=True)
        self.optimizer = torch.optim.Adam([self.xi], lr=0.025, weight_decay=gamma)

    def weights(self, loss: torch.Tensor) -> torch.Tensor:
        share = torch.softmax(self.xi.detach(), 0) / (loss + 1e-8)
        return share / share.sum()

    def update(self, before: torch.Tensor, after: torch.Tensor) -> None:
        delta = (before + 1e-8).log() - (after + 1e-8).log()
        self.xi.grad = torch.autograd.grad(torch.softmax(self.xi, 0), self.xi, delta)[0]
        self.optimizer.step()


@pytest.mark.parametrize("gamma", [0.0, 1e-5, 1e-2])
def test_it_follows_the_reference_algorithm(gamma) -> None:
    generator = np.random.default_rng(0)
    ours, reference = famo(5, decay=gamma, **PLAIN), ReferenceFamo(5, gamma)
    before = generator.uniform(0.5, 3, 5)
    first = task_losses(before)
    ours.observe(first, first)
    for _ in range(100):
        expected = reference.weights(torch.from_numpy(before)).numpy()
        assert np.allclose(ours.task_weights(), expected, rtol=1e-9)
        after = before * generator.uniform(0.9, 1.02, 5)
        ours.observe(task_losses(before), task_losses(after))
        reference.update(torch.from_numpy(before), torch.from_numpy(after))
        before = after
    assert np.allclose(ours.logits, reference.xi.detach().numpy(), atol=1e-12)
    assert np.abs(ours.logits).max() > 1e-2


def feed(loss: Famo, trajectory) -> None:
    for before, after in itertools.pairwise(trajectory):
        loss.observe(task_losses(before), task_losses(after))


def test_the_slow_task_gains_weight() -> None:
    loss = famo(3)
    feed(loss, [[2 * 0.95**step, 2 * 0.99**step, 2 * 0.95**step] for step in range(30)])
    assert loss.logits.argmax() == 1
    assert loss.task_weights().sum() == pytest.approx(1, abs=1e-12)


def test_identical_losses_keep_uniform_weights() -> None:
    loss = famo(4)
    feed(loss, [[2 * 0.97**step] * 4 for step in range(20)])
    assert np.allclose(loss.task_weights(), 0.25, atol=1e-12)


def test_scaling_one_tasks_loss_leaves_xi_and_its_share_of_the_objective() -> None:
    plain, scaled = famo(3, **PLAIN), famo(3, **PLAIN)
    trajectory = np.random.default_rng(1).uniform(0.9, 1, (20, 3)).cumprod(0)
    factor = np.array([1.0, 50.0, 1.0])
    feed(plain, trajectory)
    feed(scaled, trajectory * factor)
    assert np.allclose(plain.logits, scaled.logits, atol=1e-6)
    one, other = plain.task_weights() * trajectory[-1], scaled.task_weights() * trajectory[-1] * factor
    assert np.allclose(one / one.sum(), other / other.sum(), atol=1e-6)


def test_a_vanishing_loss_does_not_take_all_the_weight() -> None:
    with_floor, without = famo(3, floor=0.1), famo(3, floor=1e-12)
    for loss in (with_floor, without):
        value = task_losses([2.0, 2.0, 1e-9])
        loss.observe(value, value)
    assert with_floor.task_weights()[2] < 0.92
    assert without.task_weights()[2] > 0.999


def test_an_overfitting_task_is_not_rewarded() -> None:
    trajectory = [[2 * 0.97**step, 2 * 1.05**step, 2 * 0.96**step] for step in range(30)]
    guarded, unguarded = famo(3), famo(3, guard=False)
    feed(guarded, trajectory)
    feed(unguarded, trajectory)
    assert unguarded.logits[1] > 0.1
    assert guarded.logits[1] <= 0.03


def test_a_task_without_measurement_keeps_its_logit_and_counts_with_the_mean_loss() -> None:
    loss = famo(3)
    feed(loss, [[2 * 0.95**step, np.nan, 2 * 0.99**step] for step in range(10)])
    assert loss.logits[1] == 0
    assert np.isfinite(loss.task_weights()).all()
    nothing = famo(2)
    empty = task_losses([np.nan, np.nan])
    nothing.observe(empty, empty)
    assert nothing.task_weights().tolist() == [0.5, 0.5]
