"""One optimizer step: exact however it is cut up, and not taken where it is not finite."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from helpers.small_trainer import dropout_model, optimizer_of
from mft_core.batching.batch_plan import BatchPlan
from mft_core.interfaces import LossOptions
from mft_core.recipe.schema import TrainSection
from mft_core.records import TaskLosses
from mft_core.testing.samples import random_table, table_counts
from mft_core.training.step import Stepper
from mft_losses.balanced import Balanced
from mft_packing.best_fit import BestFit

TABLE = random_table([6, 9])
RATE = 0.5


def stepper(micro: int = 2, dropout: float = 0.0, **settings: object) -> Stepper:
    loss = Balanced(LossOptions())
    loss.start(table_counts(TABLE))
    section = TrainSection(**{"optimizer": "sgd", "clip": 0.0, "micro_batch_size": micro, **settings})
    plan = BatchPlan(TABLE, BestFit(), 32, 4, 0)
    return Stepper(dropout_model(dropout).train(), loss, plan, section, Accelerator(cpu=True), optimizer_of(section))


def after_a_step(one: Stepper) -> torch.Tensor:
    rows, counts = one.plan.step(0)
    outcome = one.optimize(rows, counts, one.loss.task_weights(), RATE, 0)
    assert outcome.finite
    assert outcome.real_tokens == TABLE.lengths[np.concatenate(rows)].sum()
    return torch.cat([parameter.detach().flatten() for parameter in one.model.parameters()])


@pytest.mark.parametrize("micro", [1, 3, 4])
def test_micro_batches_change_nothing(micro: int) -> None:
    assert (after_a_step(stepper(micro)) - after_a_step(stepper(4))).abs().max() < 1e-12


def test_a_gradient_is_clipped_to_its_norm() -> None:
    before = torch.cat([parameter.detach().flatten() for parameter in stepper().model.parameters()])
    free, clipped = after_a_step(stepper()) - before, after_a_step(stepper(clip=0.01)) - before
    assert float(clipped.norm()) == pytest.approx(0.01 * RATE, rel=1e-4)
    torch.testing.assert_close(clipped / clipped.norm(), free / free.norm(), rtol=1e-6, atol=1e-9)


def test_measuring_sees_the_dropout_of_the_step_and_changes_nothing() -> None:
    one = stepper(dropout=0.4)
    rows, counts = one.plan.step(0)
    first, again, other = one.measure(rows, 3), one.measure(rows, 3), one.measure(rows, 4)
    assert first.as_json() == again.as_json() != other.as_json()
    outcome = one.optimize(rows, counts, one.loss.task_weights(), 0.0, 3)
    for name in TaskLosses.dtypes():
        assert np.array_equal(getattr(outcome.losses, name), getattr(first, name))


def test_a_step_that_is_not_finite_is_not_taken_and_its_samples_are_named() -> None:
    one = stepper(micro=1)
    rows, counts = one.plan.step(0)
    victim = int(rows[0][0])
    token = int(TABLE.tokens(victim)[0][0])
    embeddings = one.model.model.get_input_embeddings()
    embeddings.weight.data[token] = torch.nan
    before = [parameter.detach().clone() for parameter in one.model.parameters()]
    outcome = one.optimize(rows, counts, one.loss.task_weights(), RATE, 0)
    assert not outcome.finite
    assert victim in outcome.bad_samples
    for parameter, old in zip(one.model.parameters(), before, strict=True):
        assert torch.equal(parameter.nan_to_num(), old.nan_to_num())
