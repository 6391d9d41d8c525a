"""Which samples an epoch uses: in proportion, or by temperature; and the loss undoes the sampling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.sample_table import SampleTable
from mft_core.batching.sampling import draw, stratified_order, uses_per_epoch
from mft_core.interfaces import LossOptions
from mft_core.testing.losses import step_gradient
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table, table_counts
from mft_losses.balanced import Balanced
from mft_losses.mixed import Mixed
from mft_packing.best_fit import BestFit
from mft_packing.padding import Dynamic, Pad
from mft_packing.sequential import Sequential


def test_stratified_order_spreads_every_group_over_the_epoch() -> None:
    groups = np.repeat([0, 1, 2], [900, 90, 10])
    order = stratified_order(groups, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(1000))
    for stretch in np.split(groups[order], 10):
        counts = np.bincount(stretch, minlength=3)
        assert abs(counts[0] - 90) <= 2
        assert abs(counts[1] - 9) <= 2
        assert counts[2] in (0, 1, 2)


@pytest.fixture(scope="module")
def imbalanced() -> SampleTable:
    return random_table([1, 100_000])


@pytest.mark.slow
@pytest.mark.parametrize("packer", [Pad, Dynamic, Sequential, BestFit])
def test_imbalance_of_one_to_100_000_uses_every_sample_once_an_epoch(imbalanced, packer) -> None:
    epoch = BatchPlan(imbalanced, packer(), 32, batch_size=64, seed=0).epoch(1)
    used = np.concatenate([np.concatenate(epoch.step_rows(step)) for step in range(epoch.steps)])
    assert np.bincount(used, minlength=len(imbalanced)).tolist() == [1] * 100_001


def test_temperature_1_uses_every_sample_once_and_high_ones_all_tasks_alike() -> None:
    sizes = np.array([1000, 100, 10])
    assert uses_per_epoch(sizes, 1.0).tolist() == sizes.tolist()
    assert uses_per_epoch(sizes, 1e9).tolist() == [370, 370, 370]
    two = uses_per_epoch(sizes, 2.0)
    assert two.sum() == pytest.approx(sizes.sum(), abs=2)
    assert two[0] / two[2] == pytest.approx(10, rel=0.02)


def test_a_sample_comes_again_only_after_all_others_of_its_task() -> None:
    samples = np.arange(50, 57)
    run = np.concatenate([draw(samples, 5, epoch, [0, 1]) for epoch in range(7)])
    assert np.bincount(run - 50).tolist() == [5] * 7
    for number in range(5):
        assert sorted(run[7 * number : 7 * number + 7].tolist()) == samples.tolist()


def test_an_epoch_holds_each_tasks_draw() -> None:
    table = random_table([40, 10, 2])
    plan = BatchPlan(table, BestFit(), 48, batch_size=4, seed=0, temperature=3.0)
    epoch = plan.epoch(1)
    used = np.concatenate([np.concatenate(epoch.step_rows(step)) for step in range(epoch.steps)])
    expected = uses_per_epoch(np.array([40, 10, 2]), 3.0)
    assert np.bincount(table.task[used]).tolist() == expected.tolist()
    assert plan.repeats == pytest.approx(expected / [40, 10, 2])


@pytest.mark.slow
@pytest.mark.parametrize("loss_class", [Balanced, Mixed])
@pytest.mark.parametrize("by", ["tokens", "samples"])
def test_sampling_changes_no_expected_gradient(loss_class, by) -> None:
    """Over as many epochs as every sample takes to come equally often, the mean gradient is the plain one."""
    table = random_table([6, 3], vocabulary=64)
    model = random_token_loss_model(64)
    plain = loss_class(LossOptions(by=by))
    plain.start(table_counts(table))
    whole = BatchPlan(table, BestFit(), 48, 10_000, 0)
    expected = step_gradient(model, plain, table, *whole.step(0))
    plan = BatchPlan(table, BestFit(), 48, 3, 0, temperature=1e9)
    loss = loss_class(LossOptions(by=by))
    loss.start(replace(table_counts(table), repeats=plan.repeats))
    epochs = 12  # 4 or 5 draws of 6 and of 3 samples: whole passes over both
    assert all(round(uses) * epochs % size == 0 for uses, size in zip(plan.repeats * [6, 3], (6, 3), strict=True))
    found = 0.0
    for number in range(epochs):
        steps = plan.epoch(number).steps
        first = plan.total_steps(number) if number else 0
        parts = [step_gradient(model, loss, table, *plan.step(first + step)) for step in range(steps)]
        found = found + sum(parts) / steps
    # transformers' RMSNorm rounds gradients to float32, so another scale of the objective is another rounding.
    assert float((found / epochs - expected).norm() / expected.norm()) < 1e-6
