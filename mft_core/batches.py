"""Order, rows and batches: which samples meet in which optimizer step, as a pure function of (seed, epoch).

Every sample of every task is used exactly once per epoch, and every step holds the tasks in about their
proportions (stratified interleave), which lowers the variance of the gradient. Because the plan is a pure
function, the only cursor a checkpoint needs is the number of steps done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Protocol

import numpy as np

from mft_core.interfaces import Packer
from mft_core.records import IGNORED_LABEL, Batch, PackedRows, Sample, StepCounts
from mft_core.sampling import draw, stratified_order, uses_per_epoch


class SampleStore(Protocol):
    """One task's samples: what a table needs of `mft_core.token_store.TokenStore`."""

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


@dataclass(frozen=True)
class Epoch:
    """One pass over all samples, cut into optimizer steps.

    Attributes:
        rows: every row of the epoch, in training order.
        batch_size: rows per step; the last step takes what remains.
    """

    rows: PackedRows
    batch_size: int

    @cached_property
    def steps(self) -> int:
        """Optimizer steps in this epoch."""
        return ceil(len(self.rows) / self.batch_size)

    def step_rows(self, step: int) -> list[np.ndarray]:
        """Sample indices of each row of one step."""
        first = step * self.batch_size
        return [self.rows[row] for row in range(first, min(first + self.batch_size, len(self.rows)))]


class OneEach(Packer):
    """One sample per row."""

    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """Row r is sample r."""
        return PackedRows(np.arange(len(lengths)), np.arange(len(lengths) + 1))


class BatchPlan:
    """Which rows each optimizer step trains on.

    Args:
        table: the training samples.
        packer: decides which samples share a row.
        capacity: tokens a row may hold.
        batch_size: rows per step over all ranks.
        seed: of the order; the order depends on (seed, epoch) only.
        temperature: of task sampling; 1: every sample once per epoch.
        stored_rows: what `rows` gave for an epoch before, where that was kept (`mft_core.prepared`), else None.
    """

    def __init__(
        self,
        table: SampleTable,
        packer: Packer,
        capacity: int,
        batch_size: int,
        seed: int,
        temperature: float = 1.0,
        stored_rows: Callable[[int], PackedRows | None] | None = None,
    ) -> None:
        self.table = table
        self.packer = packer
        self.capacity = capacity
        self.batch_size = batch_size
        self._seed = seed
        self._stored_rows = stored_rows
        self._sizes = np.bincount(table.task)
        self._uses = uses_per_epoch(self._sizes, temperature)
        self._task_tokens = np.maximum(np.bincount(table.task, weights=table.supervised), 1)
        self._starts = [0]
        self._latest: tuple[int, Epoch] | None = None

    @property
    def repeats(self) -> np.ndarray:
        """float64 [N]: uses of a task's sample per epoch, on average; 1 at temperature 1."""
        return self._uses / self._sizes

    def epoch(self, number: int) -> Epoch:
        """The epoch's plan; the latest one is kept, for steps come in order."""
        if self._latest is None or self._latest[0] != number:
            rows = longest_first_in_steps(self.rows(number), self.table.lengths, self.batch_size)
            self._latest = (number, Epoch(rows, self.batch_size))
        return self._latest[1]

    def rows(self, number: int) -> PackedRows:
        """The rows of an epoch in training order, the same for every batch size."""
        stored = self._stored_rows(number) if self._stored_rows else None
        return self._pack(number) if stored is None else stored

    def _pack(self, number: int) -> PackedRows:
        generator = np.random.default_rng([self._seed, number])
        samples = self._samples(number)
        order = samples[stratified_order(self.table.task[samples], generator)]
        packed = self.packer.pack(self.table.lengths[order], self.capacity)
        rows = PackedRows(order[packed.members], packed.offsets)
        return select_rows(rows, stratified_order(self._dominant_tasks(rows), generator))

    def _samples(self, number: int) -> np.ndarray:
        """Every sample once at temperature 1, else each task's draw for this epoch."""
        if np.array_equal(self._uses, self._sizes):
            return np.arange(len(self.table))
        tasks = range(len(self._sizes))
        return np.concatenate(
            [draw(self.table.task_samples(task), int(self._uses[task]), number, [self._seed, task]) for task in tasks]
        )

    def _dominant_tasks(self, rows: PackedRows) -> np.ndarray:
        """int64 [rows]: the task of each row's sample with the largest share of its task's supervised tokens."""
        row = np.repeat(np.arange(len(rows)), np.diff(rows.offsets))
        task = self.table.task[rows.members]
        share = self.table.supervised[rows.members] / self._task_tokens[task]
        by_row_and_share = np.lexsort((share, row))
        return task[by_row_and_share[rows.offsets[1:] - 1]]

    def locate(self, step: int) -> tuple[int, int]:
        """(epoch, step within it) of a global step counted from 0."""
        while self._starts[-1] <= step:
            self._starts.append(self._starts[-1] + self.epoch(len(self._starts) - 1).steps)
        number = int(np.searchsorted(self._starts, step, side="right")) - 1
        return number, step - self._starts[number]

    def total_steps(self, epochs: float) -> int:
        """Optimizer steps in `epochs` passes, a broken last pass rounded up."""
        whole = int(epochs)
        total = sum(self.epoch(number).steps for number in range(whole))
        # 5.7 epochs of 10 steps are 57 steps, though 0.7 as a float is a little more than that.
        return total + (ceil((epochs - whole) * self.epoch(whole).steps - 1e-9) if epochs > whole else 0)

    def step(self, step: int) -> tuple[list[np.ndarray], StepCounts]:
        """Rows and per-task counts of a global step, over all ranks."""
        number, local = self.locate(step)
        epoch = self.epoch(number)
        rows = epoch.step_rows(local)
        members = np.concatenate(rows)
        task, tasks = self.table.task[members], len(self._task_tokens)
        samples = np.bincount(task, minlength=tasks)
        tokens = np.bincount(task, weights=self.table.supervised[members], minlength=tasks).astype(np.int64)
        return rows, StepCounts(samples, tokens, epoch.steps)

    def packing_efficiency(self, number: int = 0, micro_batch_size: int = 1) -> float:
        """Real tokens / tokens processed in one epoch, rows padded to the longest of their micro-batch."""
        lengths = row_lengths(self.epoch(number).rows, self.table.lengths)
        starts = np.flatnonzero(np.arange(len(lengths)) % self.batch_size % micro_batch_size == 0)
        sizes = np.diff(np.append(starts, len(lengths)))
        width = self.capacity if self.packer.pads_to_maximum else lengths[starts]
        return float(lengths.sum() / (sizes * width).sum())


def select_rows(rows: PackedRows, order: np.ndarray) -> PackedRows:
    """The same rows in another order."""
    sizes = np.diff(rows.offsets)[order]
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    inner = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
    return PackedRows(rows.members[np.repeat(rows.offsets[order], sizes) + inner], offsets)


def longest_first_in_steps(rows: PackedRows, lengths: np.ndarray, batch_size: int) -> PackedRows:
    """Every step's rows with the longest first, so that those of a micro-batch are about equally long.

    Sorting further than that would make steps of long samples only. This changes no step, thus no gradient, and the
    largest micro-batch of a step comes first: where memory is short, that shows at once.

    Args:
        lengths: int64 [samples], of every sample.
    """
    steps = np.arange(len(rows)) // batch_size
    return select_rows(rows, np.lexsort((-row_lengths(rows, lengths), steps)))


def row_lengths(rows: PackedRows, lengths: np.ndarray) -> np.ndarray:
    """int64 [rows]: real tokens in each row."""
    return np.add.reduceat(lengths[rows.members], rows.offsets[:-1]) if len(rows) else np.zeros(0, np.int64)


def micro_batches(rows: list[np.ndarray], size: int, rank: int = 0, ranks: int = 1) -> list[list[np.ndarray]]:
    """One rank's micro-batches of a step. Every rank gets equally many; short ones are filled with empty ones.

    Collectives match only if all ranks run as many forwards, so a rank without rows gets empty micro-batches.
    """
    mine = rows[rank::ranks]
    count = max(1, ceil(len(rows[::ranks]) / size))
    return [mine[index * size : (index + 1) * size] for index in range(count)]


def _padding(start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """A row's tail as documents no longer than the longest sample: learnt positions end somewhere."""
    for first in range(start, end, longest):
        yield first, min(first + longest, end)


def collate(rows: list[np.ndarray], table: SampleTable, width: int | None = None, pad_id: int = 0) -> Batch:
    """Put rows of samples into tensors.

    Args:
        rows: sample indices of each row; no rows give one row with one unsupervised token.
        width: tokens per row; None: the longest row.
        pad_id: fills the tails; what it is changes nothing.
    """
    import torch

    longest = max((int(table.lengths[row].sum()) for row in rows), default=1)
    shape = (max(len(rows), 1), width or longest)
    ids = np.full(shape, pad_id, np.int64)
    positions = np.zeros(shape, np.int64)
    labels = np.full(shape, IGNORED_LABEL, np.int64)
    sample_index = np.full(shape, -1, np.int64)
    documents: list[tuple[int, int, int]] = []
    members = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    number = 0
    for row, samples in enumerate(rows or [members]):
        start = 0
        for sample in samples:
            tokens, supervised = table.tokens(int(sample))
            end = start + len(tokens)
            ids[row, start:end] = tokens
            positions[row, start:end] = np.arange(len(tokens))
            labels[row, start : end - 1] = np.where(supervised[1:], tokens[1:], IGNORED_LABEL)
            sample_index[row, start:end] = number
            documents.append((row, start, end))
            start, number = end, number + 1
        for first, end in _padding(start, shape[1], max(1, table.longest)):
            positions[row, first:end] = np.arange(end - first)
            documents.append((row, first, end))
    return Batch(
        input_ids=torch.from_numpy(ids),
        position_ids=torch.from_numpy(positions),
        labels=torch.from_numpy(labels),
        sample_index=torch.from_numpy(sample_index),
        sample_task=torch.from_numpy(table.task[members]),
        sample_tokens=torch.from_numpy(table.supervised[members]),
        sample_ids=torch.from_numpy(members),
        documents=tuple(documents),
    )
