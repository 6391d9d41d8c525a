"""A model and validation samples to measure it on, batched in one way or another."""

from __future__ import annotations

import numpy as np
from accelerate import Accelerator
from torch import nn

from mft_core.batches import SampleTable
from mft_core.evaluation import EvaluationContext
from mft_core.interfaces import Packer
from mft_core.records import PackedRows


class OneEach(Packer):
    """One sample per row."""

    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """Row r is sample r."""
        return PackedRows(np.arange(len(lengths)), np.arange(len(lengths) + 1))


class AllTogether(Packer):
    """All samples in one row, for a capacity that is large enough."""

    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """One row."""
        return PackedRows(np.arange(len(lengths)), np.array([0, len(lengths)]))


def evaluation_context(
    model: nn.Module, table: SampleTable, names: tuple[str, ...], packer: Packer | None = None, micro: int = 2
) -> EvaluationContext:
    """`table` as validation data, on the CPU; by default one sample per row."""
    return EvaluationContext(
        model=model,
        names=names,
        validation=table,
        packer=packer or OneEach(),
        capacity=int(table.lengths.sum()),
        micro_batch_size=micro,
        accelerator=Accelerator(cpu=True),
    )
