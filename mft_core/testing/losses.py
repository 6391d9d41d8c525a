"""What every multi-task loss must do: sane weights, exact gradients, a state that survives."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from mft_core.batching.collate import collate, micro_batches
from mft_core.batching.sample_table import SampleTable
from mft_core.nn.token_losses import TokenLossModel
from mft_core.objective.gramians import Gramians
from mft_core.objective.loss import Loss, ProbeRequest
from mft_core.records import StepCounts, TaskCounts, TaskLosses
from mft_core.testing.components import ComponentTests
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.random_models import random_token_loss_model, take_gradients
from mft_core.testing.samples import ListStore, random_stores, random_table, table_counts, task_losses

EXACT = 1e-10


def random_counts(tasks: int, importance: np.ndarray | None = None) -> TaskCounts:
    """A training set of `tasks` tasks of very different size, all as important unless said otherwise."""
    generator = np.random.default_rng(tasks)
    samples = generator.integers(1, 1000, tasks)
    names = tuple(f"task{index}" for index in range(tasks))
    tokens = samples * generator.integers(1, 200, tasks)
    return TaskCounts(names, samples, tokens, np.ones(tasks) if importance is None else importance)


def random_course(tasks: int, steps: int = 20, seed: int = 0) -> np.ndarray:
    """float64 [steps, tasks]: validation losses that fall, each at a pace of its own, and sometimes rise."""
    generator = np.random.default_rng(seed)
    start = generator.uniform(0.5, 4, tasks)
    return start * generator.uniform(0.9, 1.01, (steps, tasks)).cumprod(0)


def take_step(loss: Loss, before: TaskLosses, after: TaskLosses) -> None:
    """What the trainer asks a loss and tells it around one optimizer step, in the same order, and a probe's losses."""
    step_weights(loss, before, after)
    show_probe(loss, before, after)


def step_weights(loss: Loss, before: TaskLosses, after: TaskLosses) -> list[float]:
    """The weights of one optimizer step, of which the loss is told all but what a probe finds."""
    first = loss.measures_step_first or loss.within.measures_step_first
    loss.before_step(StepCounts(before.samples, before.tokens, steps_per_epoch=3, losses=before if first else None))
    weights: list[float] = loss.task_weights().tolist()
    loss.within.end_step(before)
    loss.after_step(before, after if loss.measures_step_again else None)
    return weights


def show_probe(loss: Loss, before: TaskLosses, after: TaskLosses) -> None:
    """What a probe makes of the losses, if the loss asks for one: themselves, or made-up gradients."""
    request = loss.probe
    if request is not None and request.gradients:
        loss.observe_gradients(made_up_gramians(after.mean(), request))
    elif request is not None:
        loss.observe(before, after)


def weights_of_course(loss: Loss, course: np.ndarray) -> list[list[float]]:
    """The weights of every step between two rows of `course`, with the probe as often as the loss asks for it."""
    first = task_losses(course[0])
    show_probe(loss, first, first)
    found, probed = [], first
    for step, (before, after) in enumerate(map(_both, itertools.pairwise(course)), 1):
        found.append(step_weights(loss, before, after))
        if loss.probe is not None and step % loss.probe.every == 0:
            show_probe(loss, probed, after)
            probed = after
    return found


def _both(rows: tuple[np.ndarray, np.ndarray]) -> tuple[TaskLosses, TaskLosses]:
    return task_losses(rows[0]), task_losses(rows[1])


def made_up_gramians(losses: np.ndarray, request: ProbeRequest) -> Gramians:
    """What a probe might find: the gradient of each task is a function of its loss, float64 [N], alone."""
    present = np.isfinite(losses)
    lengths, turns = np.where(present, losses, 0.0), np.arange(1, 9)
    train = lengths[:, None] * np.cos(3 * lengths[:, None] * turns)
    valid = lengths[:, None] * np.cos(3 * lengths[:, None] * turns + 1)
    both = request.gradients == "both"
    return Gramians(
        present=present,
        lost=~present,
        train=None if request.gradients == "validation" else train @ train.T,
        validation=None if request.gradients == "train" else valid @ valid.T,
        across=train @ valid.T if both else None,
    )


def observe_course(loss: Loss, course: np.ndarray) -> None:
    """Take a step between each two rows of `course`, float64 [steps, N]; the same losses train and validate."""
    first = task_losses(course[0])
    show_probe(loss, first, first)
    for before, after in itertools.pairwise(course):
        take_step(loss, task_losses(before), task_losses(after))


def check_weights(weights: np.ndarray, tasks: int) -> None:
    """Finite, non-negative, float64 [tasks], summing to 1."""
    assert weights.dtype == np.float64
    assert weights.shape == (tasks,)
    assert np.isfinite(weights).all(), weights
    assert (weights >= 0).all(), weights
    assert weights.sum() == pytest.approx(1, abs=1e-12)


def step_gradient(
    model: TokenLossModel,
    loss: Loss,
    table: SampleTable,
    rows: list[np.ndarray],
    counts: StepCounts,
    *,
    micro: int = 2,
    ranks: int = 1,
    width: int | None = None,
) -> torch.Tensor:
    """The gradient of one optimizer step in one vector, as the trainer accumulates it over micro-batches and ranks."""
    loss.before_step(counts)
    objective = partial(loss.objective, weights=loss.task_weights(), step=counts)
    for rank in range(ranks):
        for part in micro_batches(rows, micro, rank, ranks):
            objective(model(collate(part, table, width), objective)).backward()
    return flat_gradient(model)


def flat_gradient(model: TokenLossModel) -> torch.Tensor:
    """All gradients in one vector; none are left behind."""
    return torch.cat([gradient.flatten() for gradient in take_gradients(model).values()])


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Norm of the difference, relative to the expected norm."""
    return float((found - expected).norm() / expected.norm())


class LossTests(ComponentTests):
    """Inherit, and set `component`.

    Attributes:
        steps: of the trainings whose weights are looked at.
        many: tasks of the largest of them; both smaller for a method that takes seconds over so many.
    """

    component: ClassVar[type[Loss]]
    steps: ClassVar[int] = 20
    many: ClassVar[int] = 200

    def started(self, counts: TaskCounts) -> Any:
        """A loss at the beginning of a training."""
        loss = self.build()
        loss.start(counts)
        return loss

    @pytest.mark.parametrize("tasks", [1, 3, 200])
    def test_weights_are_shares_of_one(self, tasks: int) -> None:
        tasks = min(tasks, self.many)
        loss = self.started(random_counts(tasks, np.random.default_rng(0).uniform(0.5, 4, tasks)))
        check_weights(loss.task_weights(), tasks)
        observe_course(loss, random_course(tasks, self.steps))
        check_weights(loss.task_weights(), tasks)

    @pytest.mark.parametrize("tasks", [1, 3, 200])
    def test_weights_are_proportional_to_the_tasks_importance(self, tasks: int) -> None:
        importance = np.random.default_rng(1).uniform(0.5, 4, tasks)
        plain, weighted = (self.started(random_counts(tasks, given)).task_weights() for given in (None, importance))
        expected = plain * importance
        assert np.allclose(weighted, expected / expected.sum(), rtol=1e-9, atol=1e-15)

    @pytest.mark.parametrize("tasks", [4, 200])
    def test_permuting_the_tasks_permutes_the_weights(self, tasks: int) -> None:
        tasks = min(tasks, self.many)
        order, course = np.random.default_rng(2).permutation(tasks), random_course(tasks, self.steps)
        counts = random_counts(tasks, np.random.default_rng(3).uniform(0.5, 4, tasks))
        permuted = TaskCounts(
            tuple(counts.names[index] for index in order),
            counts.samples[order],
            counts.tokens[order],
            counts.importance[order],
        )
        one, other = self.started(counts), self.started(permuted)
        observe_course(one, course)
        observe_course(other, course[:, order])
        assert np.allclose(one.task_weights()[order], other.task_weights(), rtol=0, atol=1e-12)

    def test_in_a_run_of_which_it_says_that_it_is_idle_the_weights_stay(self) -> None:
        course = random_course(3, self.steps + 1)
        for steps in range(1, self.steps + 1):
            loss = self.started(random_counts(3))
            if loss.idle(steps):
                first, *others = weights_of_course(loss, course[: steps + 1])
                assert all(weights == first for weights in others), f"{steps} steps"

    def test_asking_for_the_weights_changes_nothing(self) -> None:
        loss = self.started(random_counts(3))
        observe_course(loss, random_course(3))
        state = loss.state_dict()
        assert loss.task_weights().tolist() == loss.task_weights().tolist()
        assert loss.state_dict() == state

    @pytest.mark.parametrize("bad", [np.nan, np.inf], ids=["not a number", "infinite"])
    def test_a_loss_that_is_not_finite_leaves_the_weights_finite(self, bad: float) -> None:
        loss = self.started(random_counts(3))
        good = task_losses([2.0, 2.1, 1.9])
        spoilt = replace(good, token_sum=np.array([bad, 2.0, 1.8]), sample_sum=np.array([bad, 2.0, 1.8]))
        for before, after in ((good, good), (good, spoilt), (spoilt, spoilt), (spoilt, good), (good, good)):
            take_step(loss, before, after)
            check_weights(loss.task_weights(), 3)

    def test_tasks_without_measurement_leave_the_weights_finite(self) -> None:
        course = random_course(3)
        for absent in ([1], [0, 2], [0, 1, 2]):
            holes = course.copy()
            holes[:, absent] = np.nan
            loss = self.started(random_counts(3))
            observe_course(loss, holes)
            check_weights(loss.task_weights(), 3)
            holes[10:] = course[10:]
            observe_course(loss, holes)
            check_weights(loss.task_weights(), 3)

    def test_it_goes_on_bit_by_bit_from_its_state_as_json(self) -> None:
        counts, course = random_counts(4), random_course(4, steps=40)
        course[:, 1] = np.nan
        whole, resumed = self.started(counts), self.started(counts)
        observe_course(whole, course[:20])
        saved = json.dumps([whole.state_dict(), whole.within.state_dict()], allow_nan=False)
        of_loss, of_within = json.loads(saved)
        resumed.load_state_dict(of_loss)
        resumed.within.load_state_dict(of_within)
        assert json.dumps([resumed.state_dict(), resumed.within.state_dict()]) == saved
        for before, after in itertools.pairwise(course[19:]):
            for loss in (whole, resumed):
                take_step(loss, task_losses(before), task_losses(after))
            assert resumed.task_weights().tolist() == whole.task_weights().tolist()
        assert resumed.state_dict() == whole.state_dict()

    @pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
    def test_the_gradient_does_not_depend_on_rows_micro_batches_and_ranks(self, weighted: bool) -> None:
        table, model = random_table([9, 1, 5, 2], weighted=weighted), random_token_loss_model()
        loss = self.started(table_counts(table))
        # The step is not the whole epoch, and task 1 is not in it.
        chosen = np.array([0, 2, 3, 5, 8, 10, 11, 13, 16])
        measured = evaluation_context(model, table, loss.counts.names).losses(chosen)
        counts = StepCounts(*table.sizes(chosen, 4), steps_per_epoch=3, losses=measured)
        mixed = np.array_split(np.random.default_rng(0).permutation(chosen), 4)
        expected = step_gradient(model, loss, table, [np.array([sample]) for sample in chosen], counts, micro=1)
        assert expected.norm() > 0
        for rows, micro, ranks, width in (
            ([np.array([sample]) for sample in chosen[::-1]], 4, 1, 32),
            (mixed, 3, 2, None),
            (mixed[::-1], 1, 3, 128),
            ([chosen], 1, 3, None),
        ):
            found = step_gradient(model, loss, table, rows, counts, micro=micro, ranks=ranks, width=width)
            assert relative_error(found, expected) < EXACT, f"{len(rows)} rows, {micro} a micro-batch, {ranks} ranks"

    def test_a_sample_of_weight_two_counts_as_that_sample_twice(self) -> None:
        """A loss with an `objective` of its own multiplies each token's loss with its weight.

        Two, since a model may round a gradient to float32 on its way, and so that of two not otherwise.
        """
        model, factors = random_token_loss_model(), [2, 1, 1, 2, 1]
        samples, others = (store.samples for store in random_stores([5, 3]))
        repeated = [sample for sample, factor in zip(samples, factors, strict=True) for _ in range(factor)]
        weighed = [sample.times(float(factor)) for sample, factor in zip(samples, factors, strict=True)]
        gradients = []
        for first in (repeated, weighed):
            table = SampleTable([ListStore(first), ListStore(others)])
            loss, chosen = self.started(table_counts(table)), np.arange(len(table))
            measured = evaluation_context(model, table, loss.counts.names).losses()
            counts = StepCounts(*table.sizes(chosen, 2), steps_per_epoch=1, losses=measured)
            gradients.append(step_gradient(model, loss, table, np.array_split(chosen, 3), counts))
        assert relative_error(*gradients) < EXACT
