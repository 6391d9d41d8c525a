"""Losses per task on given samples, exact whatever the batching; and the context evaluators work in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from mft_core.batching.collate import collate, micro_batches
from mft_core.batching.packing import Packer, row_lengths
from mft_core.batching.prefetch import ahead
from mft_core.batching.sample_table import SampleStore, SampleTable
from mft_core.nn.modes import evaluation_mode
from mft_core.objective.within_task import weighted_losses
from mft_core.records import Batch, PackedRows, TaskLosses, TokenLosses
from mft_core.task_losses import SUMS, WEIGHTED

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """What an evaluator may use.

    Attributes:
        model: maps a Batch to TokenLosses (`mft_core.nn.token_losses.TokenLossModel`, possibly wrapped).
        names: the tasks, in task-id order.
        validation: all validation samples.
        packer, capacity, micro_batch_size: how they are batched; changes no score.
        accelerator: device and ranks.
    """

    model: nn.Module
    names: tuple[str, ...]
    validation: SampleTable
    packer: Packer
    capacity: int
    micro_batch_size: int
    accelerator: Accelerator

    def on(self, names: Sequence[str], stores: Sequence[SampleStore]) -> EvaluationContext:
        """The same model, and other tasks: their names and their validation samples."""
        return replace(self, names=tuple(names), validation=SampleTable(stores))

    def losses(self, samples: np.ndarray | None = None) -> TaskLosses:
        """Per-task losses of some validation samples (None: all), over all ranks, in evaluation mode."""
        chosen = np.arange(len(self.validation)) if samples is None else samples
        total = TaskSums(len(self.names), self.accelerator.device)
        for batch, tokens in self._forwards(chosen):
            total.add(tokens, batch.sample_task)
        return total.reduce(self.accelerator)

    def batches(self, samples: np.ndarray) -> Iterator[Batch]:
        """This rank's micro-batches of some samples, packed, on the device; every rank gets equally many."""
        packed = self.packer.pack(self.validation.lengths[samples], self.capacity)
        rows = PackedRows(samples[packed.members], packed.offsets)
        width = self.capacity if self.packer.pads_to_maximum else None
        longest_first = np.argsort(-row_lengths(rows, self.validation.lengths), kind="stable")
        by_length = [rows[row] for row in longest_first]
        ranks, rank = self.accelerator.num_processes, self.accelerator.process_index
        parts = micro_batches(by_length, self.micro_batch_size, rank, ranks)
        for collated in ahead(collate(part, self.validation, width) for part in parts):
            yield collated.to(self.accelerator.device)

    def _forwards(self, samples: np.ndarray) -> Iterator[tuple[Batch, TokenLosses]]:
        """This rank's part of the samples through the model in evaluation mode."""
        with evaluation_mode(self.model):
            for batch in self.batches(samples):
                yield batch, self.model(batch)

    def sample_losses(self) -> tuple[np.ndarray, np.ndarray]:
        """Cross-entropy summed over each validation sample's supervised tokens, float64, and how many these are, int64,
        over all ranks; the tokens counted by their weights, float64, where there are weights."""
        sums = torch.zeros(len(self.validation), dtype=torch.float64, device=self.accelerator.device)
        for batch, tokens in self._forwards(np.arange(len(self.validation))):
            sums.index_add_(0, batch.sample_ids[tokens.sample], weighted_losses(tokens).to(torch.float64))
        return self.accelerator.reduce(sums, "sum").cpu().numpy(), self.validation.weighted_tokens


class TaskSums:
    """Running per-task sums of token losses, on the device, in float64."""

    def __init__(self, tasks: int, device: torch.device) -> None:
        self._sums = torch.zeros(len(SUMS) + len(WEIGHTED), tasks, dtype=torch.float64, device=device)
        self._weighted = False

    def add(self, tokens: TokenLosses, sample_task: torch.Tensor) -> None:
        """Add one micro-batch; `sample_task` is int64 [m]."""
        loss = tokens.cross_entropy.detach().to(torch.float64)
        weight = torch.ones_like(loss) if tokens.weight is None else tokens.weight.to(torch.float64)
        present = torch.zeros(len(sample_task), dtype=torch.float64, device=loss.device)
        present[tokens.sample] = 1.0
        self._sums[0].index_add_(0, tokens.task, weight * loss)
        self._sums[1].index_add_(0, tokens.task, torch.ones_like(loss))
        self._sums[2].index_add_(0, tokens.task, weight * loss / tokens.sample_tokens)
        self._sums[3].index_add_(0, sample_task, present)
        self._sums[4].index_add_(0, tokens.task, weight * torch.exp(-loss) / tokens.sample_tokens)
        if tokens.weight is not None:
            self._add_weights(tokens, weight, sample_task)

    def _add_weights(self, tokens: TokenLosses, weight: torch.Tensor, sample_task: torch.Tensor) -> None:
        self._weighted = True
        total = torch.zeros(len(sample_task), dtype=torch.float64, device=weight.device)
        total.index_add_(0, tokens.sample, weight)
        count = torch.ones_like(total)
        count[tokens.sample] = tokens.sample_tokens.to(torch.float64)
        self._sums[5].index_add_(0, sample_task, total)
        self._sums[6].index_add_(0, sample_task, total / count)

    def reduce(self, accelerator: Accelerator) -> TaskLosses:
        """The sums over all ranks; of a data set all micro-batches have weights, on every rank, or none has."""
        rows = accelerator.reduce(self._sums, "sum").cpu().numpy()
        columns = {**SUMS, **(WEIGHTED if self._weighted else {})}
        return TaskLosses(**{name: row.astype(columns[name]) for name, row in zip(columns, rows, strict=False)})
