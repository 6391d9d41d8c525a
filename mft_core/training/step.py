"""One optimizer step: rows to micro-batches, forward, backward, update; exact over micro-batches and ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.collate import collate, micro_batches
from mft_core.batching.prefetch import ahead
from mft_core.evaluation.losses import TaskSums
from mft_core.objective.loss import Loss
from mft_core.recipe.schema import TrainSection
from mft_core.records import Batch, StepCounts, TaskLosses
from mft_core.training.optimizer import Optimizer
from mft_core.training.parameter_groups import parameter_groups, set_rate
from mft_core.training.rank_pace import RankPace
from mft_core.training.sharding import gradients_kept, whole
from mft_core.training.state_tensors import (
    load_optimizer,
    load_trainable,
    optimizer_numbers,
    optimizer_tensors,
    tensor_parts,
    trainable_tensors,
)


@dataclass(slots=True)
class StepOutcome:
    """One optimizer step.

    Attributes:
        gradient_norm: before clipping.
        finite: False where the loss or the gradient was not, and the step was therefore not taken.
        bad_samples: indices of the samples whose loss was not finite.
        losses: the step's training losses, over all ranks.
        real_tokens: non-padding tokens, over all ranks.
    """

    gradient_norm: float
    finite: bool
    bad_samples: list[int]
    losses: TaskLosses
    real_tokens: int


class Stepper:
    """Takes optimizer steps on one model.

    Args:
        model: prepared TokenLossModel with the trainable parameters requiring gradients.
        loss: the objective, started.
        plan: where the rows of a step come from.
        settings: [train] of the recipe.
        accelerator: device and ranks.
        optimizer: builds what takes the steps.
        pad_id: token that fills rows.

    Attributes:
        optimizer: what takes the steps, not wrapped.
        pace: how long this rank computes.
        trains: a step is what was begun last, and not a measurement, a callback or a checkpoint between two of them.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        plan: BatchPlan,
        settings: TrainSection,
        accelerator: Accelerator,
        optimizer: Optimizer,
        pad_id: int = 0,
    ) -> None:
        self.model = model
        self.loss = loss
        self.plan = plan
        self.settings = settings
        self.accelerator = accelerator
        self.optimizer = optimizer.build(parameter_groups(model, settings), settings.learning_rate)
        self._component = optimizer
        self._prepared = accelerator.prepare(self.optimizer)
        self._pad_id = pad_id
        self.pace = RankPace(model, accelerator.device)
        self.trains = False
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def measure(self, rows: list[np.ndarray], step: int) -> TaskLosses:
        """Losses of a step's rows without gradients, with the dropout of the step itself."""
        self._seed(step)
        sums = TaskSums(len(self.loss.counts), self.accelerator.device)
        with torch.no_grad():
            for batch, _ in self._batches(rows):
                sums.add(self.model(batch), batch.sample_task)
        return sums.reduce(self.accelerator)

    def _seed(self, step: int) -> None:
        """Dropout is a function of (seed, step, rank): the same after a resume, whatever ran in between."""
        rank = self.accelerator.process_index
        torch.manual_seed(np.random.SeedSequence([self.settings.seed, step, rank]).generate_state(1)[0])

    def optimize(
        self, rows: list[np.ndarray], counts: StepCounts, weights: np.ndarray, rate: float, step: int
    ) -> StepOutcome:
        """Forward and backward over the step's micro-batches, then one optimizer step if all is finite.

        Args:
            rows: sample indices of each row, over all ranks.
            counts: the step in numbers.
            weights: float64 [N], omega.
            rate: learning rate.
            step: index of the step, from 0.
        """
        self.trains = True
        self._seed(step)
        sums = TaskSums(len(self.loss.counts), self.accelerator.device)
        objective = partial(self.loss.objective, weights=weights, step=counts)
        step_tokens = sum(int(self.plan.table.lengths[row].sum()) for row in rows)
        bad: list[int] = []
        for batch, last in self._batches(rows):
            with gradients_kept(self.model, self.accelerator, last):
                with self.pace.forward(batch.input_ids.numel()):
                    tokens = self.model(batch, objective)
                value = objective(tokens)
                if tokens.router_loss is not None:
                    value = value + tokens.router_loss * (batch.real_tokens / step_tokens)
                # DDP and FSDP average gradients over ranks; the objective is a sum over ranks.
                self.accelerator.backward(value * self.accelerator.num_processes)
            sums.add(tokens, batch.sample_task)
            not_finite = ~torch.isfinite(tokens.cross_entropy.detach())
            if not_finite.any():
                bad += batch.sample_ids[tokens.sample[not_finite].unique()].tolist()
        norm = float(whole(self.accelerator.clip_grad_norm_(self._parameters, self.settings.clip or float("inf"))))
        losses = sums.reduce(self.accelerator)
        finite = bool(np.isfinite(norm)) and not sum_over_ranks(self.accelerator, len(bad))
        # A float16 gradient scaler must see the overflow itself: it then skips the update and lowers its scale.
        if finite or self.accelerator.scaler is not None:
            set_rate(self.optimizer, rate)
            self._prepared.step()
        self._prepared.zero_grad()
        return StepOutcome(norm, finite, bad, losses, step_tokens)

    @contextmanager
    def result_in_model(self) -> Iterator[None]:
        """The model has the weights that are the result, which with some optimizers are not those in training."""
        self.trains = False
        self._component.to_measuring(self.optimizer)
        try:
            yield
        finally:
            self._component.to_training(self.optimizer)

    def end(self) -> None:
        """Leave the weights that are the result in the model; no step is taken afterwards."""
        self.trains = False
        self._component.to_measuring(self.optimizer)

    def tensors(self, keep: bool, parts: bool = False) -> dict[str, dict[str, torch.Tensor]]:
        """What a checkpoint holds of the model and the optimizer, whole; within `result_in_model`, and not copied.

        Args:
            keep: False on ranks that only help to gather a sharded model; they get nothing.
            parts: nothing is gathered: every rank gets what it has.
        """
        if parts:
            return tensor_parts(self.model, self.optimizer)
        optimizer = optimizer_tensors(self.model, self.optimizer, keep)
        return {"model": trainable_tensors(self.model, keep), "optimizer": optimizer}

    def numbers(self) -> dict[str, Any]:
        """What a checkpoint holds of the optimizer beside tensors, as JSON values; within `result_in_model`."""
        return optimizer_numbers(self.model, self.optimizer, self._component.group_state)

    def load(self, tensors: Mapping[str, Mapping[str, torch.Tensor]], numbers: Mapping[str, Any] | None) -> None:
        """Put back what `tensors` and `numbers` gave, and go on training."""
        load_trainable(self.model, tensors["model"])
        load_optimizer(self.model, self.optimizer, tensors.get("optimizer", {}), numbers)
        self._component.to_training(self.optimizer)

    def _batches(self, rows: list[np.ndarray]) -> Iterator[tuple[Batch, bool]]:
        """This rank's micro-batches, and whether each is the last of the step."""
        ranks, rank = self.accelerator.num_processes, self.accelerator.process_index
        parts = micro_batches(rows, self.settings.micro_batch_size, rank, ranks)
        width = self.plan.capacity if self.plan.packer.pads_to_maximum else None
        collated = (collate(part, self.plan.table, width, self._pad_id) for part in parts)
        for number, batch in enumerate(ahead(collated)):
            yield batch.to(self.accelerator.device), number == len(parts) - 1


def sum_over_ranks(accelerator: Accelerator, value: int) -> int:
    """The sum of every rank's value, on every rank."""
    if accelerator.num_processes == 1:
        return value
    return int(accelerator.reduce(torch.tensor(value, device=accelerator.device), "sum"))
