"""Rows of samples to the tensors of a micro-batch."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import numpy as np

from mft_core.batching.sample_table import SampleTable
from mft_core.records import IGNORED_LABEL, Batch


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
    weights = None if table.weight_sums is None else np.zeros(shape)
    documents: list[tuple[int, int, int]] = []
    members = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    number = 0
    for row, samples in enumerate(rows or [members]):
        start = 0
        for sample in samples:
            held = table.sample(int(sample))
            end = start + len(held.ids)
            ids[row, start:end] = held.ids
            positions[row, start:end] = np.arange(len(held.ids))
            labels[row, start : end - 1] = np.where(held.supervised[1:], held.ids[1:], IGNORED_LABEL)
            if weights is not None:
                weights[row, start : end - 1] = held.supervised[1:] if held.weights is None else held.weights[1:]
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
        weights=None if weights is None else torch.from_numpy(weights),
    )
