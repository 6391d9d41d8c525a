"""Packing plans on a histogram of lengths: which row each sample goes to, all samples of a length at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many samples there are of each length.

    Attributes:
        lengths: the lengths there are, longest first.
        counts: samples of each of them, at least one.
    """

    lengths: list[int]
    counts: list[int]

    @classmethod
    def of(cls, lengths: np.ndarray) -> Histogram:
        """The histogram of int64 [samples], each at least 1."""
        counts = np.bincount(lengths)
        present = np.flatnonzero(counts)[::-1]
        return cls(present.tolist(), counts[present].tolist())

    @property
    def tokens(self) -> int:
        """Of all samples together."""
        return sum(length * count for length, count in zip(self.lengths, self.counts, strict=True))


class Run(NamedTuple):
    """Rows `first`, `first + 1`, ... (`rows` of them) take `each` samples of one length."""

    first: int
    rows: int
    each: int


def rows_of_samples(runs: Iterable[Run]) -> np.ndarray:
    """int64 [samples]: the row of every sample, in the order of the runs."""
    first, rows, each = np.array(list(runs), np.int64).reshape(-1, 3).T
    before = np.cumsum(rows) - rows
    taken = np.arange(rows.sum()) + np.repeat(first - before, rows)
    return np.repeat(taken, np.repeat(each, rows))


class BestFitPlan:
    """Best-fit decreasing: each sample into the fullest row with room, longest samples first.

    Neighbouring rows with the same room are kept as one stretch (first row, how many), since they are filled alike.

    Attributes:
        rows: how many there are.
    """

    def __init__(self, histogram: Histogram, capacity: int) -> None:
        self.rows = 0
        self._capacity = capacity
        self._runs: list[Run] = []
        self._open: list[list[tuple[int, int]]] = [[] for _ in range(capacity + 1)]  # stretches, by tokens free
        self._occupied = bytearray(capacity + 1)  # 1 where _open has some; `find` searches it at C speed
        for length, count in zip(histogram.lengths, histogram.counts, strict=True):
            self._place(length, count)

    def assigned(self) -> np.ndarray:
        """int64 [samples]: the row of every sample, longest samples first."""
        return rows_of_samples(self._runs)

    def _place(self, length: int, count: int) -> None:
        """Place `count` samples of one length, each into the fullest row with room."""
        while count:
            free = self._occupied.find(1, length)
            if free >= 0:
                stretch = self._open[free].pop()
                self._occupied[free] = bool(self._open[free])
            else:
                free, stretch = self._capacity, self._open_rows(length, count)
            count -= self._fill(*stretch, free, length, count)

    def _open_rows(self, length: int, count: int) -> tuple[int, int]:
        first, needed = self.rows, -(-count // (self._capacity // length))
        self.rows += needed
        return first, needed

    def _fill(self, first: int, rows: int, free: int, length: int, count: int) -> int:
        """Fill rows one after the other: the row just filled is now the fullest. Returns the samples placed."""
        each = free // length
        full = min(rows, count // each)
        self._take(first, full, each, free - each * length)
        placed = full * each
        left_over = count - placed if full < rows else 0
        if left_over:
            self._take(first + full, 1, left_over, free - left_over * length)
        touched = full + bool(left_over)
        self._keep_open(first + touched, rows - touched, free)
        return placed + left_over

    def _take(self, first: int, rows: int, each: int, free: int) -> None:
        if rows:
            self._runs.append(Run(first, rows, each))
            self._keep_open(first, rows, free)

    def _keep_open(self, first: int, rows: int, free: int) -> None:
        if rows:
            self._open[free].append((first, rows))
            self._occupied[free] = 1


class FirstFitPlan:
    """First-fit decreasing, row by row: the longest sample that fits, again and again, then the next row.

    Rows repeat: what fills one row fills the next ones alike for as long as there are samples of its lengths.

    Attributes:
        rows: how many there are.
    """

    def __init__(self, histogram: Histogram, capacity: int) -> None:
        self.rows = 0
        self._capacity = capacity
        self._left = dict(zip(histogram.lengths, histogram.counts, strict=True))
        self._runs: dict[int, list[Run]] = {length: [] for length in histogram.lengths}
        self._there = bytearray(capacity + 1)  # 1 for lengths of which samples are left
        for length in histogram.lengths:
            self._there[length] = 1
        while self._there.find(1) >= 0:
            self._fill_alike(self._one_row())

    def assigned(self) -> np.ndarray:
        """int64 [samples]: the row of every sample, longest samples first."""
        return rows_of_samples(run for runs in self._runs.values() for run in runs)

    def _one_row(self) -> list[tuple[int, int]]:
        """(length, how many) of the samples that fill the next row."""
        found: list[tuple[int, int]] = []
        room, longest = self._capacity, self._capacity
        while (length := self._there.rfind(1, 0, min(room, longest) + 1)) > 0:
            number = min(self._left[length], room // length)
            found.append((length, number))
            room, longest = room - number * length, length - 1
        return found

    def _fill_alike(self, row: list[tuple[int, int]]) -> None:
        """Fill as many rows as can be filled like this one."""
        alike = min(self._left[length] // number for length, number in row)
        for length, number in row:
            self._runs[length].append(Run(self.rows, alike, number))
            self._left[length] -= alike * number
            self._there[length] = self._left[length] > 0
        self.rows += alike
