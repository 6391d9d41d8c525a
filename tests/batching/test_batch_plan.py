"""Order and batches: exactly once, in proportion, the same for everybody."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.collate import collate, micro_batches
from mft_core.records import IGNORED_LABEL
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


def test_labels_never_cross_a_document() -> None:
    table = random_table([3, 3], seed=5)
    rows = [np.array([0, 4]), np.array([2])]
    batch = collate(rows, table)
    for row, start, end in batch.documents:
        assert batch.labels[row, end - 1] == IGNORED_LABEL
        assert batch.position_ids[row, start:end].tolist() == list(range(end - start))
    for number, sample in enumerate([0, 4, 2]):
        ids, supervised = table.tokens(sample)
        mine = batch.sample_index == number
        assert batch.input_ids[mine].tolist() == ids.tolist()
        labels = batch.labels[mine]
        assert labels[labels != IGNORED_LABEL].tolist() == ids[supervised].tolist()
        assert batch.sample_tokens[number] == supervised.sum()


def test_padding_belongs_to_no_sample_and_has_no_label() -> None:
    table = random_table([3])
    batch = collate([np.array([0])], table, width=64)
    padding = batch.sample_index == -1
    assert int(padding.sum()) == 64 - table.lengths[0] == 64 - batch.real_tokens
    assert (batch.labels[padding] == IGNORED_LABEL).all()


@pytest.mark.parametrize("rows", [[np.array([0])], []])
def test_padding_reaches_no_position_that_no_sample_reaches(rows) -> None:
    table = random_table([3])
    batch = collate(rows, table, width=64)
    assert int(batch.position_ids.max()) < table.lengths.max() < 64
    assert [start for _, start, _ in batch.documents[1:]] == [end for _, _, end in batch.documents[:-1]]
    assert batch.documents[-1][2] == 64


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_ranks_share_the_rows_and_run_equally_many_micro_batches(ranks, rows) -> None:
    all_rows = [np.array([row]) for row in range(rows)]
    parts = [micro_batches(all_rows, 2, rank, ranks) for rank in range(ranks)]
    assert len({len(part) for part in parts}) == 1
    used = [int(row[0]) for part in parts for batch in part for row in batch]
    assert sorted(used) == list(range(rows))


def test_a_rank_without_rows_gets_a_batch_that_supervises_nothing() -> None:
    batch = collate([], random_table([2]))
    assert batch.input_ids.shape == (1, 1)
    assert (batch.labels == IGNORED_LABEL).all()
    assert batch.real_tokens == 0


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


def test_stored_rows_are_used_where_there_are_any() -> None:
    table = random_table([40, 33])
    original = BatchPlan(table, BestFit(), 40, 8, seed=0)
    stored = {0: original.rows(0)}
    reader = BatchPlan(table, Sequential(), 40, 5, seed=0, stored_rows=stored.get)
    assert np.array_equal(reader.rows(0).members, original.rows(0).members)
    assert np.array_equal(reader.rows(1).members, BatchPlan(table, Sequential(), 40, 5, seed=0).rows(1).members)


def test_best_fit_wastes_less_than_sequential_and_dynamic() -> None:
    table = random_table([200, 200])
    efficiency = {p: BatchPlan(table, p(), 64, 8, 0).packing_efficiency(0, 4) for p in PACKERS}
    assert efficiency[Pad] < efficiency[Dynamic] < efficiency[Sequential] < efficiency[BestFit] <= 1
