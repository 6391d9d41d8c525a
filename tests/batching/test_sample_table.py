"""All samples of all tasks under one index."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.batching.sample_table import SampleTable
from mft_core.testing.samples import random_stores


def test_every_sample_has_one_index_in_task_order() -> None:
    stores = random_stores([3, 0, 2])
    table = SampleTable(stores)
    assert len(table) == 5
    assert table.task.tolist() == [0, 0, 0, 2, 2]
    assert [table.task_samples(task).tolist() for task in range(3)] == [[0, 1, 2], [], [3, 4]]
    samples = [sample for store in stores for sample in store.samples]
    for index, sample in enumerate(samples):
        ids, supervised = table.tokens(index)
        assert np.array_equal(ids, sample.ids)
        assert np.array_equal(supervised, sample.supervised)
        assert (table.lengths[index], table.supervised[index]) == (len(sample.ids), sample.supervised.sum())
    assert table.longest == max(len(sample.ids) for sample in samples)


def test_without_samples_nothing_is_longest() -> None:
    table = SampleTable(random_stores([0, 0]))
    assert (len(table), table.longest) == (0, 0)


def test_sizes_are_plain_numbers_without_weights() -> None:
    table = SampleTable(random_stores([3, 0, 2]))
    samples, tokens = table.sizes(np.array([0, 2, 3]), 3)
    assert samples.dtype == tokens.dtype == np.int64
    assert samples.tolist() == [2, 0, 1]
    assert tokens.tolist() == [table.supervised[[0, 2]].sum(), 0, table.supervised[3]]
    assert table.weight_sums is None
    assert table.weighted_tokens is table.supervised


def test_with_weights_a_sample_counts_their_mean_and_a_token_its_own() -> None:
    stores = random_stores([3, 2], weighted=True)
    assert stores[1].weight_sums is None
    table = SampleTable(stores)
    samples, tokens = table.sizes(np.array([0, 2, 3, 0]), 2)
    weights = [sample.weights[sample.supervised] for sample in stores[0].samples if sample.weights is not None]
    assert samples.tolist() == pytest.approx([weights[0].mean() * 2 + weights[2].mean(), 1], rel=1e-14)
    assert tokens.tolist() == pytest.approx([weights[0].sum() * 2 + weights[2].sum(), table.supervised[3]], rel=1e-14)
    assert table.weighted_tokens.tolist() == [*np.asarray(stores[0].weight_sums), *table.supervised[3:]]
