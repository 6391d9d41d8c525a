"""The objects that flow through a run: what their numbers mean."""

from __future__ import annotations

import numpy as np
import torch

from mft_core.batching.collate import collate
from mft_core.records import PackedRows, Sample, TaskCounts
from mft_core.testing.samples import random_table


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
    tensors = [getattr(moved, name) for name in batch.__slots__ if name not in ("documents", "weights")]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert moved.documents == batch.documents
    assert batch.weights is moved.weights is None


def test_the_weights_of_a_batch_move_with_it() -> None:
    batch = collate([np.array([0, 1]), np.array([2])], random_table([3], weighted=True))
    assert batch.weights is not None
    assert batch.weights.shape == batch.labels.shape
    moved = batch.to(torch.device("meta"))
    assert moved.weights is not None
    assert moved.weights.device.type == "meta"


def test_a_part_of_a_sample_has_its_weights_and_no_target_at_its_start() -> None:
    sample = Sample(np.arange(5), np.array([False, True, True, False, True]), np.array([0, 0.5, 2.0, 0, 3.0]))
    part = sample.part(1, 4)
    assert part.ids.tolist() == [1, 2, 3]
    assert part.supervised.tolist() == [False, True, False]
    assert part.weights is not None
    assert part.weights.tolist() == [0, 2.0, 0]
    assert sample.supervised[1]
    plain = Sample(sample.ids, sample.supervised)
    assert plain.part(0, 3).weights is None


def test_a_sample_times_a_factor() -> None:
    sample = Sample(np.arange(3), np.array([False, True, True]))
    assert sample.times(1.0) is sample
    twice = sample.times(2.0)
    assert twice.weights is not None
    assert twice.weights.tolist() == [0, 2, 2]
    again = twice.times(0.25).weights
    assert again is not None
    assert again.tolist() == [0, 0.5, 0.5]
