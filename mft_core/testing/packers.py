"""What every packer must do: lose nothing, repeat nothing, overfill nothing."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from mft_core.batching.packing import Packer
from mft_core.records import PackedRows
from mft_core.testing.components import ComponentTests


def random_lengths(seed: int) -> tuple[np.ndarray, int]:
    """Some samples' lengths, int64, and the capacity they are packed to."""
    generator = np.random.default_rng(seed)
    capacity = int(generator.integers(1, 100))
    return generator.integers(1, capacity + 1, size=int(generator.integers(1, 300))), capacity


class PackerTests(ComponentTests):
    """Inherit, and set `component`."""

    component: ClassVar[type[Packer]]

    def check_rows(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """The rows, after checking that they hold every sample once and that each has between 1 and `capacity`."""
        rows = self.build().pack(lengths, capacity)
        assert np.issubdtype(rows.members.dtype, np.integer)
        assert np.issubdtype(rows.offsets.dtype, np.integer)
        assert sorted(rows.members.tolist()) == list(range(len(lengths)))
        assert (rows.offsets[0], rows.offsets[-1]) == (0, len(lengths))
        assert all(0 < lengths[rows[row]].sum() <= capacity for row in range(len(rows)))
        return rows

    @pytest.mark.parametrize("seed", range(20))
    def test_every_sample_is_in_exactly_one_row_and_no_row_is_overfull(self, seed: int) -> None:
        self.check_rows(*random_lengths(seed))

    @pytest.mark.parametrize("seed", range(5))
    def test_whatever_the_order_of_the_samples(self, seed: int) -> None:
        lengths, capacity = random_lengths(seed)
        for ordered in (np.sort(lengths), np.sort(lengths)[::-1], lengths[::-1]):
            self.check_rows(ordered, capacity)

    def test_no_samples_give_no_rows(self) -> None:
        assert len(self.check_rows(np.zeros(0, np.int64), 8)) == 0

    @pytest.mark.parametrize("length", [1, 5, 8])
    def test_one_sample_is_one_row(self, length: int) -> None:
        assert self.check_rows(np.array([length]), 8)[0].tolist() == [0]

    def test_samples_as_long_as_a_row_have_one_each(self) -> None:
        assert len(self.check_rows(np.full(7, 16), 16)) == 7
        assert len(self.check_rows(np.array([16, 1, 16, 1]), 16)) in (3, 4)

    def test_the_same_samples_give_the_same_rows(self) -> None:
        lengths, capacity = random_lengths(0)
        packer, given = self.build(), lengths.copy()
        first = packer.pack(lengths, capacity)
        assert np.array_equal(lengths, given), "it changed the lengths that it was given"
        packer.pack(*random_lengths(1))
        for again in (packer.pack(lengths, capacity), self.build().pack(lengths, capacity)):
            assert again.members.tolist() == first.members.tolist()
            assert again.offsets.tolist() == first.offsets.tolist()
