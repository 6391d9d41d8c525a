"""Order and batches: exactly once, in proportion, the same for everybody."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.batching import batch_plan
from mft_core.batching.batch_plan import BatchPlan
from mft_core.records import PackedRows
from mft_core.testing.samples import random_table
from mft_packing.best_fit import BestFit
from mft_packing.padding import Dynamic, Pad
from mft_packing.sequential import Sequential

PACKERS = [Pad, Dynamic, Sequential, BestFit]


@pytest.mark.parametrize("packer", PACKERS)
def test_every_sample_is_used_exactly_once_per_epoch_remainder_included(packer) -> None:
    table = random_table([1, 7, 120])
    plan = BatchPlan(table, packer(), 32, batch_size=5, seed=3)
    for number in range(3):
        epoch = plan.epoch(number)
        used = np.concatenate([np.concatenate(epoch.step_rows(step)) for step in range(epoch.steps)])
        assert sorted(used.tolist()) == list(range(len(table)))


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    table = random_table([40, 60])
    first, second = (BatchPlan(table, BestFit(), 32, 4, seed=1) for _ in range(2))
    second.epoch(5)  # visiting another epoch before changes nothing
    assert np.array_equal(first.epoch(2).rows.members, second.epoch(2).rows.members)
    assert not np.array_equal(first.epoch(2).rows.members, first.epoch(3).rows.members)
    assert not np.array_equal(first.epoch(2).rows.members, BatchPlan(table, BestFit(), 32, 4, 2).epoch(2).rows.members)


def test_steps_are_located_across_epochs_of_different_length() -> None:
    plan = BatchPlan(random_table([30, 30]), Sequential(), 32, batch_size=4, seed=0)
    expected = [(number, step) for number in range(3) for step in range(plan.epoch(number).steps)]
    assert [plan.locate(step) for step in range(len(expected))] == expected
    assert plan.total_steps(3) == len(expected)
    assert plan.total_steps(0.5) == -(-plan.epoch(0).steps // 2)


def test_a_broken_epoch_is_not_rounded_up_by_float_noise() -> None:
    plan = BatchPlan(random_table([10]), Dynamic(), 32, batch_size=1, seed=0)
    assert [plan.total_steps(5 + tenths / 10) for tenths in range(10)] == list(range(50, 60))


def test_step_counts_are_those_of_its_rows() -> None:
    table = random_table([30, 30, 30])
    plan = BatchPlan(table, BestFit(), 48, batch_size=3, seed=0)
    rows, counts = plan.step(1)
    members = np.concatenate(rows)
    for task in range(3):
        mine = members[table.task[members] == task]
        assert counts.samples[task] == len(mine)
        assert counts.tokens[task] == table.supervised[mine].sum()


def test_stored_rows_are_used_where_there_are_any() -> None:
    table = random_table([40, 33])
    original = BatchPlan(table, BestFit(), 40, 8, seed=0)
    stored = {0: original.rows(0)}
    reader = BatchPlan(table, Sequential(), 40, 5, seed=0, stored_rows=stored.get)
    assert np.array_equal(reader.rows(0).members, original.rows(0).members)
    assert np.array_equal(reader.rows(1).members, BatchPlan(table, Sequential(), 40, 5, seed=0).rows(1).members)


class Counting(Sequential):
    """Counts how often it packs."""

    packed = 0

    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        self.packed += 1
        return super().pack(lengths, capacity)


def test_rows_are_packed_once_whether_steps_are_counted_or_trained_on() -> None:
    plan = BatchPlan(random_table([30, 30]), Counting(), 32, batch_size=4, seed=0)
    steps = plan.total_steps(3)
    plan.packing_efficiency()
    for step in range(steps):
        plan.step(step)
    assert plan.packer.packed == 3


def test_where_too_many_samples_would_be_kept_the_oldest_epochs_are_packed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = random_table([30, 30])
    kept = BatchPlan(table, Counting(), 32, batch_size=4, seed=0)
    steps = kept.total_steps(4)
    monkeypatch.setattr(batch_plan, "MOST_KEPT", 2 * len(table))
    tight = BatchPlan(table, Counting(), 32, batch_size=4, seed=0)
    assert tight.total_steps(4) == steps
    for step in range(steps):
        for row, other in zip(tight.step(step)[0], kept.step(step)[0], strict=True):
            assert np.array_equal(row, other)
    assert tight.packer.packed > kept.packer.packed == 4
