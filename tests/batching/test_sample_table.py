"""All samples of all tasks under one index."""

from __future__ import annotations

import numpy as np

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
