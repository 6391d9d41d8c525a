"""What the bundled packers promise beyond the conformance kit."""

from __future__ import annotations

import bisect

import numpy as np
import pytest

from mft_packing.best_fit import BestFit
from mft_packing.histograms import FirstFitPlan, Histogram
from mft_packing.sequential import Sequential


def classical_best_fit_rows(lengths: np.ndarray, capacity: int) -> int:
    """Best-fit decreasing, one sample after the other."""
    free: list[int] = []
    rows = 0
    for length in sorted(lengths.tolist(), reverse=True):
        place = bisect.bisect_left(free, length)
        if place < len(free):
            room = free.pop(place)
        else:
            room, rows = capacity, rows + 1
        bisect.insort(free, room - length)
    return rows


@pytest.mark.parametrize("seed", range(20))
def test_best_fit_uses_as_few_rows_as_the_classical_algorithm(seed) -> None:
    generator = np.random.default_rng(seed)
    capacity = int(generator.integers(4, 200))
    lengths = generator.integers(1, capacity + 1, size=500)
    assert len(BestFit().pack(lengths, capacity)) == classical_best_fit_rows(lengths, capacity)


def greedy_rows(lengths: np.ndarray, capacity: int) -> int:
    """Rows filled one after the other with the longest sample that fits (first-fit decreasing, greedy knapsack)."""
    left, rows = sorted(lengths.tolist()), 0
    while left:
        room, rows = capacity, rows + 1
        while (place := bisect.bisect_right(left, room)) > 0:
            room -= left.pop(place - 1)
    return rows


def few_lengths(seed: int) -> tuple[np.ndarray, int]:
    """Samples of a few lengths only, where the two algorithms differ now and then."""
    generator = np.random.default_rng(seed)
    capacity = int(generator.integers(20, 110))
    kinds = generator.integers(max(1, capacity // 8), capacity * 2 // 3, size=int(generator.integers(3, 9)))
    return generator.choice(kinds, size=int(generator.integers(6, 80))), capacity


@pytest.mark.parametrize("seed", range(40))
def test_best_fit_never_needs_more_rows_than_greedy_filling_or_the_classical_algorithm(seed) -> None:
    lengths, capacity = few_lengths(seed)
    fewest = min(greedy_rows(lengths, capacity), classical_best_fit_rows(lengths, capacity))
    assert len(BestFit().pack(lengths, capacity)) == fewest
    assert FirstFitPlan(Histogram.of(lengths), capacity).rows == greedy_rows(lengths, capacity)


def test_where_greedy_filling_is_a_row_better_it_is_taken() -> None:
    lengths = np.repeat([64, 47, 37, 35, 16, 14], [5, 4, 2, 2, 6, 7])
    assert (classical_best_fit_rows(lengths, 98), greedy_rows(lengths, 98)) == (10, 9)
    rows = BestFit().pack(lengths, 98)
    assert len(rows) == 9
    assert sorted(rows.members.tolist()) == list(range(len(lengths)))
    assert all(lengths[rows[row]].sum() <= 98 for row in range(9))


def test_best_fit_keeps_the_training_order_within_a_row_and_among_equals() -> None:
    lengths = np.random.default_rng(0).integers(1, 9, size=2000)
    rows = BestFit().pack(lengths, 32)
    assert all((np.diff(rows[row]) > 0).all() for row in range(len(rows)))
    assert BestFit().pack(np.full(6, 5), 10).members.tolist() == [0, 1, 2, 3, 4, 5]


def test_best_fit_packs_more_rows_than_16_bits_count() -> None:
    lengths = np.random.default_rng(0).integers(3, 9, size=100_000)
    rows = BestFit().pack(lengths, 8)
    assert len(rows) > 1 << 16
    assert np.array_equal(np.sort(rows.members), np.arange(len(lengths)))
    assert np.add.reduceat(lengths[rows.members], rows.offsets[:-1]).max() == 8


def test_sequential_keeps_the_order_and_the_partly_filled_last_row() -> None:
    rows = Sequential().pack(np.array([4, 4, 3, 9, 1]), 10)
    assert [rows[row].tolist() for row in range(len(rows))] == [[0, 1], [2], [3, 4]]
