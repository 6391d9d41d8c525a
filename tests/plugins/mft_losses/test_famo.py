"""FAMO: the reference algorithm, driven by validation losses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from helpers.small_trainer import make_trainer
from mft_core.events import read_events
from mft_core.records import TaskCounts
from mft_core.testing.samples import random_table, task_losses
from mft_losses.famo import Famo, FamoOptions
from mft_losses.famo_train import FamoTrain
from mft_losses.task_logits import logit_gradient

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


def test_it_gives_the_published_numbers_of_the_authors_toy() -> None:
    # The example at the end of famo.py in github.com/Cranial-XIX/FAMO, with seed 0: 1000 points of 20 dimensions,
    # 100 regression tasks on noise, one linear layer, Adam, 100 steps. Its numbers, to float32:
    golden = {50: 1.17470407, 99: 1.07541621}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        points, targets = torch.randn(1000, 20), torch.randn(1000, 100)
        layer = nn.Linear(20, 100)
    optimizer = torch.optim.Adam(layer.parameters())
    loss = famo(100, decay=0.01, **PLAIN)

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


ORIGINAL = {**PLAIN, "decay": 1e-2}


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


# What the weights are divided by


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
    published, mended = famo(2, floor=1e-12), famo(2, divide_by=divide_by, floor=1e-12)
    feed(published, trajectory)
    feed(mended, trajectory)
    assert np.array_equal(published.logits, mended.logits)
    assert published.task_weights()[1] < 0.2
    assert mended.task_weights()[1] > 0.6


def test_divided_by_nothing_a_low_loss_gets_no_more_than_a_high_one() -> None:
    trajectory = [[1e3 * 0.97**step, 3e4 * 0.97**step] for step in range(10)]
    undivided, published = famo(2, divide_by="nothing"), famo(2)
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
