"""Rows as packers make them: ordered in steps, and how full they are."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.collate import collate, micro_batches
from mft_core.testing.samples import random_table
from mft_packing.best_fit import BestFit
from mft_packing.padding import Dynamic, Pad
from mft_packing.sequential import Sequential

PACKERS = [Pad, Dynamic, Sequential, BestFit]


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("batch_size", [6, 7])
def test_a_step_keeps_its_rows_and_has_the_longest_first(packer, batch_size) -> None:
    table = random_table([70, 50])
    plan = BatchPlan(table, packer(), 32, batch_size, seed=4)
    rows, epoch = plan.rows(1), plan.epoch(1)
    for step in range(epoch.steps):
        mine = epoch.step_rows(step)
        lengths = [int(table.lengths[row].sum()) for row in mine]
        assert lengths == sorted(lengths, reverse=True)
        drawn = [rows[row].tolist() for row in range(step * batch_size, min((step + 1) * batch_size, len(rows)))]
        assert sorted(drawn) == sorted(row.tolist() for row in mine)


def test_steps_are_not_sorted_by_length_but_micro_batches_are_alike() -> None:
    table = random_table([300, 300])
    plan = BatchPlan(table, Dynamic(), 64, batch_size=32, seed=0)
    steps = [table.lengths[np.concatenate(plan.step(step)[0])] for step in range(plan.epoch(0).steps)]
    means = np.array([lengths.mean() for lengths in steps[:-1]])
    assert means.std() < 2 * table.lengths.std() / np.sqrt(32)  # as of samples drawn at random
    spread = np.mean([np.ptp(part) for lengths in steps[:-1] for part in np.split(lengths, 8)])
    assert spread < 0.3 * np.mean([np.ptp(lengths) for lengths in steps])


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("micro_batch_size", [1, 3, 4])
def test_packing_efficiency_is_that_of_the_batches(packer, micro_batch_size) -> None:
    plan = BatchPlan(random_table([40, 33]), packer(), 40, batch_size=8, seed=0)
    width = plan.capacity if packer.pads_to_maximum else None
    batches = [
        collate(part, plan.table, width)
        for step in range(plan.epoch(0).steps)
        for part in micro_batches(plan.step(step)[0], micro_batch_size)
    ]
    real, processed = sum(batch.real_tokens for batch in batches), sum(batch.input_ids.numel() for batch in batches)
    assert plan.packing_efficiency(0, micro_batch_size) == pytest.approx(real / processed, rel=1e-12)


def test_best_fit_wastes_less_than_sequential_and_dynamic() -> None:
    table = random_table([200, 200])
    efficiency = {p: BatchPlan(table, p(), 64, 8, 0).packing_efficiency(0, 4) for p in PACKERS}
    assert efficiency[Pad] < efficiency[Dynamic] < efficiency[Sequential] < efficiency[BestFit] <= 1
