"""FAMO: the reference algorithm, driven by validation losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from helpers.famo_courses import PLAIN, famo, feed
from helpers.small_trainer import make_trainer
from mft_core.events import read_events
from mft_core.testing.samples import random_table, task_losses
from mft_losses.famo import Famo, FamoOptions
from mft_losses.famo_train import FamoTrain
from mft_losses.task_logits import logit_gradient


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
    ours, reference = famo(5, decay=gamma, divide_by="loss", **PLAIN), ReferenceFamo(5, gamma)
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
    plain, scaled = (famo(3, divide_by="loss", **PLAIN) for _ in range(2))
    trajectory = np.random.default_rng(1).uniform(0.9, 1, (20, 3)).cumprod(0)
    factor = np.array([1.0, 50.0, 1.0])
    feed(plain, trajectory)
    feed(scaled, trajectory * factor)
    assert np.allclose(plain.logits, scaled.logits, atol=1e-6)
    one, other = plain.task_weights() * trajectory[-1], scaled.task_weights() * trajectory[-1] * factor
    assert np.allclose(one / one.sum(), other / other.sum(), atol=1e-6)


def test_a_vanishing_loss_does_not_take_all_the_weight() -> None:
    with_floor, without = (famo(3, divide_by="loss", floor=floor) for floor in (0.1, 1e-12))
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
    loss = famo(3, divide_by="loss")
    feed(loss, [[2 * 0.95**step, np.nan, 2 * 0.99**step] for step in range(10)])
    assert loss.logits[1] == 0
    assert np.isfinite(loss.task_weights()).all()
    nothing = famo(2, divide_by="loss")
    empty = task_losses([np.nan, np.nan])
    nothing.observe(empty, empty)
    assert nothing.task_weights().tolist() == [0.5, 0.5]


def test_it_gives_the_published_numbers_of_the_authors_toy() -> None:
    # The example at the end of famo.py in github.com/Cranial-XIX/FAMO, with seed 0: 1000 points of 20 dimensions,
    # 100 regression tasks on noise, one linear layer, Adam, 100 steps. Its numbers, to float32:
    golden = {50: 1.17470407, 99: 1.07541621}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        points, targets = torch.randn(1000, 20), torch.randn(1000, 100)
        layer = nn.Linear(20, 100)
    optimizer = torch.optim.Adam(layer.parameters())
    loss = famo(100, decay=0.01, divide_by="loss", **PLAIN)

    def task_mean_squares() -> torch.Tensor:
        return (targets - layer(points)).square().mean(0)

    found = []
    for _ in range(100):
        values = task_mean_squares()
        before = task_losses(values.detach())
        loss.observe(before, before)
        optimizer.zero_grad()
        (torch.from_numpy(loss.task_weights()).float() @ values).backward()
        optimizer.step()
        loss.observe(before, task_losses(task_mean_squares().detach()))
        found.append(values.mean().item())
    for step, expected in golden.items():
        assert found[step] == pytest.approx(expected, abs=3e-7)
    assert np.linalg.norm(loss.logits) == pytest.approx(0.003823, abs=1e-6)


def test_the_gradient_of_xi_is_that_of_autograd_and_sums_to_zero() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        logits, delta = generator.normal(0, 2, 6), generator.normal(0.1, 1, 6)
        xi = torch.tensor(logits, requires_grad=True)
        (expected,) = torch.autograd.grad(torch.softmax(xi, 0) @ torch.from_numpy(delta), xi)
        found = logit_gradient(logits, delta)
        assert np.allclose(found, expected.numpy(), rtol=1e-10, atol=1e-14)
        assert abs(found.sum()) < 1e-14
        assert np.abs(found).max() > 1e-3


@pytest.mark.parametrize("scale_delta", [False, True])
def test_a_common_shrink_factor_moves_nothing(scale_delta) -> None:
    loss = famo(3, decay=0, scale_delta=scale_delta)
    feed(loss, [[2 * 0.95**step, 3 * 0.99**step, 4 * 0.9**step] for step in range(10)])
    moments = [np.array(loss.state_dict()[name]) for name in ("first_moment", "second_moment")]
    feed(loss, [[1.0, 2.0, 3.0], [0.9, 1.8, 2.7]])
    # d is 0: the moments only decay.
    for before, decay, name in zip(moments, (0.9, 0.999), ("first_moment", "second_moment"), strict=True):
        assert np.allclose(loss.state_dict()[name], decay * before, rtol=1e-6, atol=1e-12)
        assert np.abs(before).max() > 1e-9


def test_permuting_the_tasks_permutes_xi() -> None:
    trajectory = np.random.default_rng(1).uniform(0.9, 1.01, (20, 4)).cumprod(0)
    order = np.array([2, 0, 3, 1])
    one, other = famo(4), famo(4)
    feed(one, trajectory)
    feed(other, trajectory[:, order])
    assert np.allclose(one.logits[order], other.logits, atol=1e-14)


def test_a_scaled_delta_keeps_the_decay_from_pinning_xi_when_steps_are_small() -> None:
    # Adam forgets the scale of d, but not its size beside the coupled decay: a tenth of the model's learning rate
    # makes every decrease about a tenth, and would make the decay ten times as strong.
    deltas = np.random.default_rng(0).uniform(0.0, 0.01, (20, 3))

    def moved(scale: float, scale_delta: bool) -> np.ndarray:
        loss = famo(3, decay=1e-2, guard=False, scale_delta=scale_delta)
        feed(loss, np.exp(-scale * deltas.cumsum(0)))
        return loss.logits

    one, other = moved(1.0, True), moved(0.1, True)
    assert np.allclose(one, other, rtol=1e-3)
    assert np.abs(one).max() > 1e-2
    assert np.abs(moved(0.1, False)).max() < 0.5 * np.abs(moved(1.0, False)).max()


# On a real training


ORIGINAL = {**PLAIN, "decay": 1e-2, "divide_by": "loss"}


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Losses and weights, each float64 [steps, tasks], of whole-epoch steps; the validation set is the training set."""
    table = random_table([2, 9, 5])
    folder = tmp_path_factory.mktemp("famo")
    losses = {
        "famo": Famo(FamoOptions(**ORIGINAL, probe_samples=9, rotate_every=0)),
        "famo-train": FamoTrain(FamoTrain.Options(**ORIGINAL)),
    }
    found = {}
    for name, loss in losses.items():
        trainer = make_trainer(folder / name, loss, table, validation=table, batch_size=1000, steps=12)
        trainer.run()
        steps = [event["tasks"].values() for event in read_events(folder / name / "metrics.jsonl")
                 if event["event"] == "train"]  # fmt: skip
        found[name] = tuple(np.array([[task[key] for task in step] for step in steps]) for key in ("loss", "weight"))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["famo", "famo-train"])
def test_with_the_training_data_as_probe_it_is_the_original_famo(histories, name) -> None:
    losses, weights = histories[name]
    assert len(losses) == 12
    reference = ReferenceFamo(3, ORIGINAL["decay"])
    for step, loss in enumerate(torch.from_numpy(losses)):
        assert np.allclose(weights[step], reference.weights(loss).numpy(), rtol=1e-9), step
        if step + 1 < len(losses):
            reference.update(loss, torch.from_numpy(losses[step + 1]))
    assert reference.xi.abs().max() > 1e-2
    assert losses[-1].sum() < losses[0].sum()


@pytest.mark.parametrize("option", ["probe_samples", "every", "rotate_every"])
def test_the_original_famo_takes_no_option_of_a_probe_it_has_not(option: str) -> None:
    with pytest.raises(ValueError, match=option):
        FamoTrain.Options(**{option: 1})
    assert FamoTrain().probe is None
    assert Famo().probe is not None


def test_both_take_the_same_course(histories) -> None:
    for one, other in zip(histories["famo"], histories["famo-train"], strict=True):
        assert np.allclose(one, other, rtol=1e-9)
