"""What the bundled packers promise beyond the conformance kit."""

from __future__ import annotations

import bisect

import numpy as np
import pytest

from mft_packing.best_fit import BestFit
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


def test_sequential_keeps_the_order_and_the_partly_filled_last_row() -> None:
    rows = Sequential().pack(np.array([4, 4, 3, 9, 1]), 10)
    assert [rows[row].tolist() for row in range(len(rows))] == [[0, 1], [2], [3, 4]]
