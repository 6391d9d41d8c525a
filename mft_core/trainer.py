"""The training loop, on Accelerate.

One optimizer step: the rows of the step are known from the plan, their labels give the step's counts, the loss
gives the task weights, and only then the first forward runs. So what is minimised does not depend on how the
rows are cut into micro-batches or spread over ranks.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from mft_core.batches import BatchPlan, collate, micro_batches
from mft_core.checkpoint import Checkpoint, CheckpointFolder
from mft_core.errors import MftError
from mft_core.evaluation import EvaluationContext, TaskSums
from mft_core.events import EventLog
from mft_core.interfaces import Loss
from mft_core.interruption import Interruption
from mft_core.meter import Meter
from mft_core.optimization import (
    build_optimizer,
    learning_rate,
    load_optimizer,
    load_trainable,
    optimizer_tensors,
    trainable_tensors,
)
from mft_core.probe import Probe
from mft_core.recipe import TrainSection
from mft_core.records import Batch, StepCounts, TaskCounts

PROBE_SEED_OFFSET = 1


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        step: optimizer steps done.
        reason: "done" or "interrupted".
        exit_code: 0, 130 or 143.
    """

    step: int
    reason: str
    exit_code: int


@dataclass(slots=True)
class StepOutcome:
    """One optimizer step.

    Attributes:
        gradient_norm: before clipping.
        finite: False where the loss or the gradient was not, and the step was therefore not taken.
        bad_samples: indices of the samples whose loss was not finite.
    """

    gradient_norm: float
    finite: bool
    bad_samples: list[int]


class Trainer:
    """Trains one model with one loss on the rows of one plan.

    Args:
        model: TokenLossModel with the trainable parameters requiring gradients.
        loss: the objective; `start` is called here.
        plan: which rows each step trains on.
        counts: the training set in numbers.
        validation: model and validation samples; its `model` is this trainer's prepared model.
        settings: [train] of the recipe.
        accelerator: device and ranks.
        log: where events go; None on ranks other than the first.
        checkpoints: where checkpoints go.
        pad_id: token that fills rows.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        plan: BatchPlan,
        counts: TaskCounts,
        validation: EvaluationContext,
        settings: TrainSection,
        accelerator: Accelerator,
        log: EventLog,
        checkpoints: CheckpointFolder,
        pad_id: int = 0,
    ) -> None:
        self.model = model
        self.loss = loss
        self.plan = plan
        self.validation = validation
        self.settings = settings
        self.accelerator = accelerator
        self.log = log
        self.checkpoints = checkpoints
        self.total_steps = settings.steps or plan.total_steps(settings.epochs)
        self.step = 0
        self.best: dict[str, Any] = {"step": None, "loss": None}
        self._pad_id = pad_id
        self._names = counts.names
        self._bad_in_a_row = 0
        self._saved_step: int | None = None
        self._optimizer = accelerator.prepare(build_optimizer(model, settings))
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._meter = Meter(counts.names)
        loss.start(counts)
        request = loss.probe
        self._probe = Probe(validation, loss, request, settings.seed + PROBE_SEED_OFFSET) if request else None

    def resume(self, checkpoint: Checkpoint) -> None:
        """Continue bit by bit where the checkpoint was written."""
        load_trainable(self.model, checkpoint.tensors["model"])
        load_optimizer(self.model, self._optimizer.optimizer, checkpoint.tensors.get("optimizer", {}))
        state = checkpoint.state
        self.step = self._saved_step = checkpoint.step
        self.best = state["best"]
        self._bad_in_a_row = state["bad_in_a_row"]
        self._meter.load_state_dict(state["meter"])
        self.loss.load_state_dict(state["loss"])
        if self._probe:
            self._probe.load_state_dict(state["probe"])

    def run(self) -> TrainingResult:
        """Train to the end, or until a signal asks to stop.

        Raises:
            MftError: too many steps in a row were not finite; the checkpoint before them is kept.
        """
        with Interruption() as interruption:
            if self.step == 0:
                self._evaluate()
                if self._probe:
                    self._probe.start(0)
            while self.step < self.total_steps and not self._stop_requested(interruption):
                self._train_step()
                self._after_step()
            if self._saved_step != self.step:
                self._save()
        done = self.step >= self.total_steps
        return TrainingResult(self.step, "done" if done else "interrupted", 0 if done else interruption.exit_code)

    def _train_step(self) -> None:
        started = time.perf_counter()
        rows, counts = self.plan.step(self.step)
        rate = learning_rate(self.step, self.total_steps, self.settings)
        weights = self.loss.task_weights()
        outcome = self._optimize(rows, counts, weights, rate)
        self.step += 1
        if outcome.finite:
            self._bad_in_a_row = 0
            if self._probe:
                self._probe.after_step(self.step)
        else:
            self._report_bad_step(outcome, counts)
        self._meter.end_step(time.perf_counter() - started, outcome.gradient_norm, rate, weights)

    def _optimize(self, rows: list[np.ndarray], counts: StepCounts, weights: np.ndarray, rate: float) -> StepOutcome:
        """Forward and backward over the step's micro-batches, then one optimizer step if all is finite."""
        # A pure function of (seed, step, rank): dropout is the same after a resume, whatever ran in between.
        torch.manual_seed(np.random.SeedSequence([self.settings.seed, self.step, self._rank]).generate_state(1)[0])
        sums = TaskSums(len(self._names), self.accelerator.device)
        bad: list[int] = []
        real_tokens = 0
        for batch, last in self._batches(rows):
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.model):
                tokens = self.model(batch)
                objective = self.loss.objective(tokens, weights, counts)
                # DDP and FSDP average gradients over ranks; the objective is a sum over ranks.
                self.accelerator.backward(objective * self.accelerator.num_processes)
            sums.add(tokens, batch.sample_task)
            real_tokens += batch.real_tokens
            not_finite = ~torch.isfinite(tokens.cross_entropy.detach())
            if not_finite.any():
                bad += batch.sample_ids[tokens.sample[not_finite].unique()].tolist()
        norm = float(self.accelerator.clip_grad_norm_(self._parameters, self.settings.clip or float("inf")))
        self._meter.add(sums.reduce(self.accelerator), self._sum_over_ranks(real_tokens))
        finite = bool(np.isfinite(norm)) and not self._sum_over_ranks(len(bad))
        # A float16 gradient scaler must see the overflow itself: it then skips the update and lowers its scale.
        if finite or self.accelerator.scaler is not None:
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            self._optimizer.step()
        self._optimizer.zero_grad()
        return StepOutcome(norm, finite, bad)

    def _batches(self, rows: list[np.ndarray]) -> Iterator[tuple[Batch, bool]]:
        """This rank's micro-batches, and whether each is the last of the step."""
        parts = micro_batches(rows, self.settings.micro_batch_size, self._rank, self.accelerator.num_processes)
        width = self.plan.capacity if self.plan.packer.pads_to_maximum else None
        for number, part in enumerate(parts):
            batch = collate(part, self.plan.table, width, self._pad_id)
            yield batch.to(self.accelerator.device), number == len(parts) - 1

    def _report_bad_step(self, outcome: StepOutcome, counts: StepCounts) -> None:
        """Name the tasks and samples of a step that was not taken; give up after too many in a row."""
        self._bad_in_a_row += 1
        table = self.plan.table
        tasks = {int(table.task[index]) for index in outcome.bad_samples} or set(np.flatnonzero(counts.samples))
        names = sorted(self._names[task] for task in tasks)
        what = "loss" if outcome.bad_samples else "gradient"
        self._emit("skip", reason=f"{what} not finite", tasks=names, samples=outcome.bad_samples[:20])
        if self._bad_in_a_row >= self.settings.max_bad_steps:
            raise MftError(
                f"{what} not finite in {self._bad_in_a_row} steps in a row, last at step {self.step}, "
                f"in: {', '.join(names)}",
                f"{self.checkpoints.last_good}. Try a lower train.learning_rate, or model.dtype = 'float32'",
            )

    def _after_step(self) -> None:
        """Log, evaluate and save where the recipe says so."""
        settings, last = self.settings, self.step >= self.total_steps
        if (settings.log_every and self.step % settings.log_every == 0) or last:
            epoch, local = self.plan.locate(self.step - 1)
            progress = epoch + (local + 1) / self.plan.epoch(epoch).steps
            self._emit("train", steps=self.total_steps, epoch=round(progress, 4), **self._meter.flush())
        if last or (settings.eval_every and self.step % settings.eval_every == 0):
            self._evaluate()
        if last or (settings.save_every and self.step % settings.save_every == 0):
            self._save()

    def _evaluate(self) -> None:
        """Per-task loss on all validation data; the mean over tasks is equation (1) there."""
        losses = self.validation.losses()
        means = losses.mean()
        importance = np.where(np.isfinite(means), self.loss.counts.importance, 0.0)
        total = float(np.nansum(means * importance) / importance.sum()) if importance.any() else float("nan")
        if self.best["loss"] is None or total < self.best["loss"]:
            self.best = {"step": self.step, "loss": total}
        tasks = {
            name: {"loss": float(means[index]), "tokens": int(losses.tokens[index])}
            for index, name in enumerate(self._names)
        }
        self._emit("eval", loss=total, tasks=tasks)

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            path = self.checkpoints.save(
                self.step,
                {
                    "model": trainable_tensors(self.model),
                    "optimizer": optimizer_tensors(self.model, self._optimizer.optimizer),
                },
                self.state_dict(),
                self.best["step"],
            )
            self._emit("checkpoint", path=str(path), best=self.best["step"] == self.step)
        self._saved_step = self.step
        self.accelerator.wait_for_everyone()

    @property
    def real_tokens(self) -> int:
        """Non-padding tokens trained on since step 0."""
        return self._meter.total_tokens

    def state_dict(self) -> dict[str, Any]:
        """Everything beside tensors that a resumed run needs, as JSON values."""
        return {
            "best": self.best,
            "bad_in_a_row": self._bad_in_a_row,
            "meter": self._meter.state_dict(),
            "loss": self.loss.state_dict(),
            "probe": self._probe.state_dict() if self._probe else None,
        }

    @property
    def _rank(self) -> int:
        return self.accelerator.process_index

    def _emit(self, name: str, **data: Any) -> None:
        if self.accelerator.is_main_process:
            self.log.emit(name, self.step, **data)

    def _stop_requested(self, interruption: Interruption) -> bool:
        """Every rank stops at the same step, whichever of them got the signal."""
        return bool(self._sum_over_ranks(int(interruption.signal is not None)))

    def _sum_over_ranks(self, value: int) -> int:
        if self.accelerator.num_processes == 1:
            return value
        return int(self.accelerator.reduce(torch.tensor(value, device=self.accelerator.device), "sum"))
