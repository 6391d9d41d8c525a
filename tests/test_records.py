"""The objects that flow through a run: what their numbers mean."""

from __future__ import annotations

import json

import numpy as np
import torch

from mft_core.batching.collate import collate
from mft_core.records import PackedRows, TaskCounts, TaskLosses
from mft_core.testing.samples import random_table

LOSSES = TaskLosses(
    token_sum=np.array([6.0, 0.0]),
    tokens=np.array([4, 0]),
    sample_sum=np.array([3.0, 0.0]),
    samples=np.array([2, 0]),
    probability_sum=np.array([0.5, 0.0]),
)


def test_means_are_sums_over_counts_and_unknown_without_any() -> None:
    assert LOSSES.mean("tokens")[0] == 1.5
    assert LOSSES.mean("samples")[0] == 1.5
    assert LOSSES.mean_probability()[0] == 0.25
    for means in (LOSSES.mean(), LOSSES.mean("samples"), LOSSES.mean_probability()):
        assert np.isnan(means[1])


def test_sums_add_and_survive_json() -> None:
    double = LOSSES + LOSSES
    assert double.token_sum.tolist() == [12.0, 0.0]
    assert double.mean()[0] == LOSSES.mean()[0]
    again = TaskLosses.from_json(json.loads(json.dumps(double.as_json())))
    for name, dtype in TaskLosses.dtypes().items():
        assert np.array_equal(getattr(again, name), getattr(double, name))
        assert getattr(again, name).dtype == dtype
    empty = TaskLosses.zeros(2)
    assert (LOSSES + empty).as_json() == LOSSES.as_json()


def test_repetitions_count_in_an_epoch_and_not_in_a_tasks_size() -> None:
    counts = TaskCounts(("a", "b"), np.array([4, 2]), np.array([40, 10]), np.ones(2), np.array([0.5, 3.0]))
    assert counts.epoch_samples.tolist() == [2.0, 6.0]
    assert counts.epoch_tokens.tolist() == [20.0, 30.0]
    assert counts.sizes("samples").tolist() == [4.0, 2.0]
    assert counts.sizes("tokens").tolist() == [40.0, 10.0]


def test_rows_are_slices_of_their_members() -> None:
    rows = PackedRows(np.array([4, 0, 3]), np.array([0, 2, 2, 3]))
    assert [rows[number].tolist() for number in range(len(rows))] == [[4, 0], [], [3]]


def test_a_batch_moves_whole_and_counts_what_is_no_padding() -> None:
    table = random_table([3])
    batch = collate([np.array([0, 1]), np.array([2])], table)
    assert batch.real_tokens == table.lengths.sum()
    moved = batch.to(torch.device("meta"))
    tensors = [getattr(moved, name) for name in batch.__slots__ if name != "documents"]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert moved.documents == batch.documents
