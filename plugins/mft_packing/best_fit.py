"""Best-fit decreasing over a histogram of lengths."""

from __future__ import annotations

import numpy as np

from mft_core.interfaces import Packer
from mft_core.records import PackedRows


class BestFit(Packer):
    """Longest first, each sample into the fullest row that still has room (best-fit decreasing).

    Samples of one length are interchangeable, so the plan is made on the histogram of lengths: all samples of a
    length are placed at once. The number of rows is that of the classical algorithm, sample by sample.
    """

    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """Rows in the order in which they were opened, longest samples first."""
        plan = _HistogramPlan(capacity)
        for length, count in zip(*(part[::-1] for part in np.unique(lengths, return_counts=True)), strict=True):
            plan.place(int(length), int(count))
        rows = np.concatenate(plan.assigned) if plan.assigned else np.zeros(0, np.int64)
        by_length = np.argsort(-lengths, kind="stable")
        by_row = np.argsort(rows, kind="stable")
        return PackedRows(by_length[by_row], np.concatenate(([0], np.cumsum(np.bincount(rows)))))


class _HistogramPlan:
    """Rows grouped by the tokens they have free.

    Attributes:
        assigned: row numbers of the samples placed so far, in the order of placing.
    """

    def __init__(self, capacity: int) -> None:
        self.assigned: list[np.ndarray] = []
        self._capacity = capacity
        self._rows = 0
        self._open: list[list[np.ndarray]] = [[] for _ in range(capacity + 1)]
        self._occupied = bytearray(capacity + 1)  # 1 where _open has rows; `find` searches it at C speed

    def place(self, length: int, count: int) -> None:
        """Place `count` samples of one length, each into the fullest row with room."""
        while count:
            free = self._occupied.find(1, length)
            rows = self._take(free) if free >= 0 else self._open_rows(length, count)
            count -= self._fill(rows, free if free >= 0 else self._capacity, length, count)

    def _take(self, free: int) -> np.ndarray:
        rows = self._open[free].pop()
        self._occupied[free] = bool(self._open[free])
        return rows

    def _give(self, rows: np.ndarray, free: int) -> None:
        if len(rows):
            self._open[free].append(rows)
            self._occupied[free] = 1

    def _open_rows(self, length: int, count: int) -> np.ndarray:
        needed = -(-count // (self._capacity // length))
        self._rows += needed
        return np.arange(self._rows - needed, self._rows)

    def _fill(self, rows: np.ndarray, free: int, length: int, count: int) -> int:
        """Fill rows one after the other: the row just filled is now the fullest. Returns the samples placed."""
        per_row = free // length
        full = min(len(rows), count // per_row)
        self.assigned.append(np.repeat(rows[:full], per_row))
        self._give(rows[:full], free - per_row * length)
        rest, placed = rows[full:], full * per_row
        left_over = count - placed
        if left_over and len(rest):
            self.assigned.append(np.repeat(rest[:1], left_over))
            self._give(rest[:1], free - left_over * length)
            rest, placed = rest[1:], count
        self._give(rest, free)
        return placed
