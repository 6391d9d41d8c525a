"""Rows to tensors; ranks share them."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.batching.collate import collate, micro_batches
from mft_core.records import IGNORED_LABEL
from mft_core.testing.samples import random_table


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


def test_weights_stand_where_their_targets_do() -> None:
    table = random_table([3, 3], seed=5, weighted=True)
    batch = collate([np.array([0, 4]), np.array([2])], table, width=64)
    assert batch.weights is not None
    assert ((batch.weights > 0) == (batch.labels != IGNORED_LABEL)).all()
    for number, index in enumerate([0, 4, 2]):
        sample = table.sample(index)
        weights = sample.supervised * 1.0 if sample.weights is None else sample.weights
        assert batch.weights[batch.sample_index == number][:-1].tolist() == weights[1:].tolist()
    empty = collate([], table)
    assert empty.weights is not None
    assert empty.weights.tolist() == [[0.0]]
    assert collate([np.array([0])], random_table([3])).weights is None


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
