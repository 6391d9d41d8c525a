"""Best-fit decreasing over a histogram of lengths."""

from __future__ import annotations

import numpy as np

from mft_core.interfaces import Packer
from mft_core.records import PackedRows
from mft_packing.histograms import BestFitPlan, FirstFitPlan, Histogram


class BestFit(Packer):
    """Longest first, each sample into the fullest row that still has room (best-fit decreasing).

    Samples of one length are interchangeable, so the plan is made on the histogram of lengths: all samples of a
    length are placed at once. The number of rows is that of the classical algorithm, sample by sample. Filling row
    after row with the longest sample that fits (first-fit decreasing) is sometimes a row better; then that is taken.
    """

    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """Rows in the order in which they were opened, longest samples first; within a row, training order."""
        if not len(lengths):
            return PackedRows(np.zeros(0, np.int64), np.zeros(1, np.int64))
        assigned, rows = _fewest_rows(Histogram.of(lengths), capacity)
        row = np.empty(len(lengths), np.int64)
        row[_stable_order(capacity - lengths, capacity)] = assigned
        return PackedRows(_stable_order(row, rows), np.concatenate(([0], np.cumsum(np.bincount(row, minlength=rows)))))


def _fewest_rows(histogram: Histogram, capacity: int) -> tuple[np.ndarray, int]:
    """The row of every sample, longest first, and how many rows there are."""
    best = BestFitPlan(histogram, capacity)
    if best.rows > -(-histogram.tokens // capacity):  # else nobody can do better
        first = FirstFitPlan(histogram, capacity)
        if first.rows < best.rows:
            return first.assigned(), first.rows
    return best.assigned(), best.rows


def _stable_order(values: np.ndarray, bound: int) -> np.ndarray:
    """int64 [n]: `argsort(values, kind="stable")` of values from 0 to `bound` < 2**32, several times as fast.

    numpy sorts 16-bit integers by radix; larger ones are sorted by their lower half, then by their upper half.
    """
    order = np.argsort(values.astype(np.uint16), kind="stable")
    if bound >> 16:
        order = order[np.argsort((values >> 16).astype(np.uint16)[order], kind="stable")]
    return order
