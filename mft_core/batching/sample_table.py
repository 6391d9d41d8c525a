"""All samples of all tasks under one index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from mft_core.records import Sample


class SampleStore(Protocol):
    """One task's samples: what a table needs of `mft_core.data.token_store.TokenStore`."""

    def __len__(self) -> int: ...

    @property
    def lengths(self) -> np.ndarray: ...

    @property
    def supervised_counts(self) -> np.ndarray: ...

    def sample(self, number: int) -> Sample: ...


class SampleTable:
    """All samples of all tasks under one index: task 0's samples first, then task 1's, and so on.

    Args:
        stores: one per task, in task-id order; a store may be empty.
    """

    def __init__(self, stores: Sequence[SampleStore]) -> None:
        self._stores = stores
        self._starts = np.cumsum([0, *(len(store) for store in stores)])
        self.task = np.repeat(np.arange(len(stores)), [len(store) for store in stores])
        self.lengths = np.concatenate([np.asarray(store.lengths, np.int64) for store in stores])
        self.supervised = np.concatenate([np.asarray(store.supervised_counts, np.int64) for store in stores])
        self.longest = int(self.lengths.max(initial=0))

    def __len__(self) -> int:
        return len(self.task)

    def task_samples(self, task: int) -> np.ndarray:
        """int64 [M_i]: indices of one task's samples."""
        return np.arange(self._starts[task], self._starts[task + 1])

    def tokens(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(ids int64 [length], supervised bool [length]) of one sample."""
        task = int(self.task[index])
        sample = self._stores[task].sample(int(index - self._starts[task]))
        return sample.ids, sample.supervised
