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

    @property
    def weight_sums(self) -> np.ndarray | None: ...

    def sample(self, number: int) -> Sample: ...


class SampleTable:
    """All samples of all tasks under one index: task 0's samples first, then task 1's, and so on.

    Args:
        stores: one per task, in task-id order; a store may be empty.

    Attributes:
        task: int64 [n], task id of each sample.
        lengths: int64 [n], tokens.
        supervised: int64 [n], T_ij, supervised tokens.
        weight_sums: float64 [n], W_ij, the sum of their weights; None: there are no weights.
        longest: the largest of `lengths`.
    """

    def __init__(self, stores: Sequence[SampleStore]) -> None:
        self._stores = stores
        self._starts = np.cumsum([0, *(len(store) for store in stores)])
        self.task = np.repeat(np.arange(len(stores)), [len(store) for store in stores])
        self.lengths = np.concatenate([np.asarray(store.lengths, np.int64) for store in stores])
        self.supervised = np.concatenate([np.asarray(store.supervised_counts, np.int64) for store in stores])
        self.weight_sums = _weight_sums(stores)
        self.longest = int(self.lengths.max(initial=0))

    def __len__(self) -> int:
        return len(self.task)

    def task_samples(self, task: int) -> np.ndarray:
        """int64 [M_i]: indices of one task's samples."""
        return np.arange(self._starts[task], self._starts[task + 1])

    @property
    def weighted_tokens(self) -> np.ndarray:
        """[n]: how much each sample counts by tokens: T_ij, or W_ij where there are weights."""
        return self.supervised if self.weight_sums is None else self.weight_sums

    def sizes(self, chosen: np.ndarray, tasks: int) -> tuple[np.ndarray, np.ndarray]:
        """Samples and supervised tokens of each of `tasks` tasks among the chosen samples, as `TaskCounts` has them."""
        task = self.task[chosen]
        tokens = np.bincount(task, weights=self.weighted_tokens[chosen], minlength=tasks)
        if self.weight_sums is None:
            return np.bincount(task, minlength=tasks), tokens.astype(np.int64)
        means = self.weight_sums[chosen] / self.supervised[chosen]
        return np.bincount(task, weights=means, minlength=tasks), tokens

    def sample(self, index: int) -> Sample:
        """One sample."""
        task = int(self.task[index])
        return self._stores[task].sample(int(index - self._starts[task]))

    def tokens(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(ids int64 [length], supervised bool [length]) of one sample."""
        sample = self.sample(index)
        return sample.ids, sample.supervised


def _weight_sums(stores: Sequence[SampleStore]) -> np.ndarray | None:
    if all(store.weight_sums is None for store in stores):
        return None
    sums = [store.supervised_counts if store.weight_sums is None else store.weight_sums for store in stores]
    return np.concatenate([np.asarray(each, np.float64) for each in sums])
