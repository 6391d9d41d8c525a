"""Which samples share a row: what a packer's plugin implements, and what is done with rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mft_core.records import PackedRows
from mft_core.registry.options import Configurable, SomeOptions


class Packer(Configurable[SomeOptions]):
    """Decides which samples share a row. Rows may mix tasks; documents never see each other."""

    pads_to_maximum: ClassVar[bool] = False
    """Rows are padded to `data.max_length` instead of to the longest row of their micro-batch."""

    @abstractmethod
    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """Put every sample into exactly one row.

        Args:
            lengths: int64 [samples], in training order; each is between 1 and `capacity`.
            capacity: most tokens a row may hold.
        """


class OneEach(Packer):
    """One sample per row."""

    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """Row r is sample r."""
        return PackedRows(np.arange(len(lengths)), np.arange(len(lengths) + 1))


def select_rows(rows: PackedRows, order: np.ndarray) -> PackedRows:
    """The same rows in another order."""
    sizes = np.diff(rows.offsets)[order]
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    inner = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
    return PackedRows(rows.members[np.repeat(rows.offsets[order], sizes) + inner], offsets)


def joined_rows(parts: Sequence[PackedRows]) -> PackedRows:
    """The rows of all parts, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    sizes = np.concatenate([np.diff(rows.offsets) for rows in parts])
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    return PackedRows(np.concatenate([rows.members for rows in parts]), offsets)


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
