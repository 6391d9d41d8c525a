"""Order, rows and batches: which samples meet in which optimizer step, as a pure function of (seed, epoch).

Every sample of every task is used exactly once per epoch, or as often as its task is repeated, and every step holds
the tasks in about their proportions (stratified interleave), which lowers the variance of the gradient. Because the
plan is a pure function, the only cursor a checkpoint needs is the number of steps done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np

from mft_core.batching.packing import Packer, joined_rows, longest_first_in_steps, row_lengths, select_rows
from mft_core.batching.sample_table import SampleTable
from mft_core.batching.sampling import draw, stratified_order, uses_per_epoch
from mft_core.records import PackedRows, StepCounts

MOST_KEPT = 1 << 24
"""Samples in the epochs that a plan keeps, 8 bytes each."""


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


class BatchPlan:
    """Which rows each optimizer step trains on.

    Args:
        table: the training samples.
        packer: decides which samples share a row.
        capacity: tokens a row may hold.
        batch_size: rows per step over all ranks.
        seed: of the order; the order depends on (seed, epoch) only.
        temperature: of task sampling; 1: in proportion to the tasks' sizes.
        repeat: [N], passes over each task's samples in an epoch; None: one over each.
        stored_rows: what `rows` gave for an epoch before, where that was kept by `mft_core.batching.prepared`.
    """

    def __init__(
        self,
        table: SampleTable,
        packer: Packer,
        capacity: int,
        batch_size: int,
        seed: int,
        temperature: float = 1.0,
        repeat: np.ndarray | None = None,
        stored_rows: Callable[[int], PackedRows | None] | None = None,
    ) -> None:
        self.table = table
        self.packer = packer
        self.capacity = capacity
        self.batch_size = batch_size
        self._seed = seed
        self._stored_rows = stored_rows
        self._sizes = np.bincount(table.task)
        self._repeated = self._sizes if repeat is None else self._sizes * repeat
        self._uses = uses_per_epoch(self._repeated, temperature)
        self._parts = 1 if repeat is None else ceil(max(repeat))
        self._task_tokens = np.maximum(np.bincount(table.task, weights=table.supervised), 1)
        self._starts = [0]
        self._planned: dict[int, Epoch] = {}

    @property
    def repeats(self) -> np.ndarray:
        """float64 [N]: uses of a task's samples per epoch, over those that `repeat` asks for; 1 at temperature 1, up to
        rounding."""
        return self._uses / self._repeated

    def epoch(self, number: int) -> Epoch:
        """The epoch's plan, made once: counting a run's steps has planned the rows that it then trains on.

        Of very many samples or epochs the latest ones are kept, and others are planned anew.
        """
        if number not in self._planned:
            while self._planned and (len(self._planned) + 1) * int(self._uses.sum()) > MOST_KEPT:
                del self._planned[next(iter(self._planned))]
            rows = longest_first_in_steps(self.rows(number), self.table.lengths, self.batch_size)
            self._planned[number] = Epoch(rows, self.batch_size)
        return self._planned[number]

    def rows(self, number: int) -> PackedRows:
        """The rows of an epoch in training order, the same for every batch size."""
        stored = self._stored_rows(number) if self._stored_rows else None
        return self._pack(number) if stored is None else stored

    def _pack(self, number: int) -> PackedRows:
        generator = np.random.default_rng([self._seed, number])
        return joined_rows([self._rows_of(samples, generator) for samples in self._samples(number) if len(samples)])

    def _rows_of(self, samples: np.ndarray, generator: np.random.Generator) -> PackedRows:
        order = samples[stratified_order(self.table.task[samples], generator)]
        packed = self.packer.pack(self.table.lengths[order], self.capacity)
        rows = PackedRows(order[packed.members], packed.offsets)
        return select_rows(rows, stratified_order(self._dominant_tasks(rows), generator))

    def _samples(self, number: int) -> list[np.ndarray]:
        """Every sample once, else each task's draw for this epoch; where tasks are repeated in parts, one after the
        other, so that a sample comes again in another part."""
        if np.array_equal(self._uses, self._sizes):
            return [np.arange(len(self.table))]
        tasks = range(len(self._sizes))
        drawn = [
            draw(self.table.task_samples(task), int(self._uses[task]), number, [self._seed, task]) for task in tasks
        ]
        by_task = (np.array_split(samples, self._parts) for samples in drawn)
        return [np.concatenate(part) for part in zip(*by_task, strict=True)]

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
        samples, tokens = self.table.sizes(np.concatenate(rows), tasks=len(self._task_tokens))
        return rows, StepCounts(samples, tokens, epoch.steps)

    def packing_efficiency(self, number: int = 0, micro_batch_size: int = 1) -> float:
        """Real tokens / tokens processed in one epoch, rows padded to the longest of their micro-batch."""
        lengths = row_lengths(self.epoch(number).rows, self.table.lengths)
        starts = np.flatnonzero(np.arange(len(lengths)) % self.batch_size % micro_batch_size == 0)
        sizes = np.diff(np.append(starts, len(lengths)))
        width = self.capacity if self.packer.pads_to_maximum else lengths[starts]
        return float(lengths.sum() / (sizes * width).sum())
