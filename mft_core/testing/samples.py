"""Samples, counts and losses made up for tests: small, random, held in memory."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from mft_core.batching.sample_table import SampleTable
from mft_core.records import Sample, TaskCounts, TaskLosses


class ListStore:
    """One task's samples in a list, as a `mft_core.batching.sample_table.SampleStore`."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def lengths(self) -> np.ndarray:
        """int64 [samples]."""
        return np.array([len(sample.ids) for sample in self.samples], np.int64)

    @cached_property
    def supervised_counts(self) -> np.ndarray:
        """int64 [samples]."""
        return np.array([sample.supervised.sum() for sample in self.samples], np.int64)

    @cached_property
    def weight_sums(self) -> np.ndarray | None:
        """float64 [samples]; None: no sample has weights."""
        if all(sample.weights is None for sample in self.samples):
            return None
        return np.array([(s.supervised if s.weights is None else s.weights).sum() for s in self.samples], np.float64)

    def sample(self, number: int) -> Sample:
        """Sample `number`."""
        return self.samples[number]


def random_sample(generator: np.random.Generator, length: int, vocabulary: int, weighted: bool = False) -> Sample:
    """Random ids; a random suffix is supervised, with random weights from 0.2 to 5 if they are to have any."""
    supervised = np.zeros(length, bool)
    supervised[int(generator.integers(1, length)) :] = True
    ids = generator.integers(0, vocabulary, length)
    return Sample(ids, supervised, supervised * generator.uniform(0.2, 5, length) if weighted else None)


def random_stores(
    sizes: list[int], seed: int = 0, vocabulary: int = 64, longest: int = 24, weighted: bool = False
) -> list[ListStore]:
    """One store per task with `sizes[i]` samples, lengths 2 to `longest`; `weighted`: the first task's have weights."""
    generator = np.random.default_rng(seed)

    def sample(task: int) -> Sample:
        length = int(generator.integers(2, longest + 1))
        return random_sample(generator, length, vocabulary, weighted and task == 0)

    return [ListStore([sample(task) for _ in range(size)]) for task, size in enumerate(sizes)]


def random_table(
    sizes: list[int], seed: int = 0, vocabulary: int = 64, longest: int = 24, weighted: bool = False
) -> SampleTable:
    """A table over `random_stores`."""
    return SampleTable(random_stores(sizes, seed, vocabulary, longest, weighted))


def table_counts(table: SampleTable, importance: list[float] | None = None) -> TaskCounts:
    """The counts of a table, tasks called task0, task1, ..."""
    tasks = int(table.task.max()) + 1
    samples, tokens = table.sizes(np.arange(len(table)), tasks)
    names = tuple(f"task{index}" for index in range(tasks))
    return TaskCounts(names, samples, tokens, np.array(importance or [1.0] * tasks))


def task_losses(means: npt.ArrayLike) -> TaskLosses:
    """One sample of each task, of one token, with these losses; NaN: no sample of that task."""
    values = np.asarray(means, float)
    counts = (~np.isnan(values)).astype(np.int64)
    sums = np.where(counts, values, 0.0)
    return TaskLosses(sums, counts, sums, counts, np.where(counts, np.exp(-sums), 0.0))
