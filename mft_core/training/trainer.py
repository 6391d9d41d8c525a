"""The training loop, on Accelerate.

One optimizer step: the rows of the step are known from the plan, their labels give the step's counts, the loss
gives the task weights, and only then the first forward runs. So what is minimised does not depend on how the
rows are cut into micro-batches or spread over ranks.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from accelerate import Accelerator
from torch import nn

from mft_core.batching.batch_plan import BatchPlan
from mft_core.data.identity import Identities, same_validation
from mft_core.evaluation.losses import EvaluationContext
from mft_core.events import EventLog
from mft_core.objective.loss import Loss
from mft_core.recipe.schema import TrainSection
from mft_core.records import TaskLosses
from mft_core.training.bad_steps import BadSteps
from mft_core.training.callbacks import Callbacks
from mft_core.training.checkpoint import Checkpoint, CheckpointFolder
from mft_core.training.first_evaluation import Evaluation, FirstEvaluation
from mft_core.training.interruption import Interruption
from mft_core.training.metrics import Meter
from mft_core.training.optimizer import Optimizer
from mft_core.training.probes import make_probe
from mft_core.training.result import TrainingResult
from mft_core.training.rollback import Rollback
from mft_core.training.schedule import learning_rate
from mft_core.training.selected import restore_selected
from mft_core.training.selection import Selection
from mft_core.training.step import Stepper, sum_over_ranks
from mft_core.training.task_states import on_these_tasks
from mft_core.training.validation_course import ValidationCourse

PROBE_SEED_OFFSET = 1


class Trainer:
    """Trains one model with one loss on the rows of one plan.

    Args:
        model: TokenLossModel with the trainable parameters requiring gradients.
        loss: the objective, started with the training set's counts.
        plan: which rows each step trains on.
        validation: model and validation samples; its `model` is this trainer's prepared model.
        settings: [train] of the recipe.
        accelerator: device and ranks.
        log: where events go; None on ranks other than the first.
        checkpoints: where checkpoints go.
        callbacks: called on every rank after each step; None: there are none.
        watched: as `validation`, of tasks that are only measured; None: there are none.
        total_steps: optimizer steps of the whole run.
        optimizer: builds what takes the steps.
        identities: what identifies the tasks' samples; goes into every checkpoint.
        pad_id: token that fills rows.
        first: where the evaluation before the first step may be known from; None: it is measured.

    Attributes:
        rollback: what the loss has decided after evaluations.
        stepper: takes the steps.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        plan: BatchPlan,
        validation: EvaluationContext,
        settings: TrainSection,
        accelerator: Accelerator,
        log: EventLog,
        checkpoints: CheckpointFolder,
        total_steps: int,
        optimizer: Optimizer,
        callbacks: Callbacks | None = None,
        watched: EvaluationContext | None = None,
        identities: Identities | None = None,
        pad_id: int = 0,
        first: FirstEvaluation | None = None,
    ) -> None:
        self.model = model
        self.loss = loss
        self.plan = plan
        self.validation = validation
        self.settings = settings
        self.accelerator = accelerator
        self.log = log
        self.checkpoints = checkpoints
        self.total_steps = total_steps
        self.step = 0
        self._callbacks = callbacks
        self._watched = watched
        self._first = first
        self._identities = identities or {}
        self._stop = False
        self._names = loss.counts.names
        self._saved_step: int | None = None
        self.stepper = Stepper(model, loss, plan, settings, accelerator, optimizer, pad_id)
        self._meter = Meter(loss.counts.names)
        self._bad_steps = BadSteps(self._names, plan.table, settings.max_bad_steps, self._emit)
        self._course = ValidationCourse(loss.counts, settings, self._emit)
        self.rollback = Rollback(loss, checkpoints, round(settings.max_extra_steps * total_steps), log, self._emit)
        training = replace(validation, validation=plan.table)
        self._probe = make_probe(loss, training, validation, settings.seed + PROBE_SEED_OFFSET, self._emit)

    @property
    def selection(self) -> Selection:
        """Which step is the best so far."""
        return self._course.selection

    def resume(self, checkpoint: Checkpoint, before: Identities | None = None) -> None:
        """Continue bit by bit where the checkpoint was written.

        Args:
            before: the tasks it was written on, where they are others than this run's. What is known of a task goes
                with its name. Losses on other validation samples are forgotten: nothing can be compared with them.
        """
        before = before or self._identities
        same_tasks, same_losses = list(before) == list(self._identities), same_validation(before, self._identities)
        state = on_these_tasks(checkpoint.state, self.state_dict(), before, self._identities)
        self.rollback.load_state_dict(state)
        self._restore(Checkpoint(checkpoint.step, state, checkpoint.tensors), same_tasks, same_losses)

    def _restore(self, checkpoint: Checkpoint, same_tasks: bool = True, same_losses: bool = True) -> None:
        """All that a checkpoint holds but who has left."""
        state = checkpoint.state
        self.stepper.load(checkpoint.tensors, state.get("optimizer"))
        self.step = self._saved_step = checkpoint.step
        if same_losses:
            self._course.load_state_dict(state)
            self.loss.overfitting.load_state_dict(state["overfitting"])
        self._stop = state["stop"]
        self._bad_steps.in_a_row = state["bad_in_a_row"]
        self._meter.load_state_dict(state["meter"])
        self.loss.load_state_dict(state["loss"])
        self.loss.within.load_state_dict(state["within"])
        if self._probe and same_tasks and same_losses:
            self._probe.load_state_dict(state["probe"])
        elif self._probe:
            self._probe.start(self.step)

    def run(self) -> TrainingResult:
        """Train to the end, or until a signal asks to stop.

        Raises:
            MftError: too many steps in a row were not finite; the checkpoint before them is kept.
        """
        self.model.train()
        with Interruption() as interruption:
            if self._saved_step is None:
                self._take_in(self._first.known_or(self._measure) if self._first else self._measure())
                if self._probe:
                    self._probe.start(0)
                if self._course.needs_models or self.rollback.needs_models:
                    self._save()
            while not self._ended and not self._stop_requested(interruption):
                self._train_step()
                self._after_step()
            if self._stop and self._meter.steps:
                self._log()
            if self._saved_step != self.step:
                self._save()
        if not self._ended:
            return TrainingResult(self.step, self.step, "interrupted", interruption.exit_code)
        self.stepper.end()
        selected = restore_selected(self.model, self.checkpoints, self._course.ranked, self.step, self._emit)
        return TrainingResult(self.step, selected, self._course.ending if self._stop else "done", 0)

    @property
    def _ended(self) -> bool:
        return self._stop or self.step >= self.total_steps

    def _train_step(self) -> None:
        started = time.perf_counter()
        rows, counts = self.plan.step(self.step)
        rate = learning_rate(self.step, self.total_steps, self.settings)
        if self.loss.measures_step_first or self.loss.within.measures_step_first:
            counts = replace(counts, losses=self.stepper.measure(rows, self.step))
        self.loss.before_step(counts)
        weights = self.rollback.mixture.weights()
        outcome = self.stepper.optimize(rows, counts, weights, rate, self.step)
        self._meter.add(outcome.losses, outcome.real_tokens)
        if outcome.finite:
            self._step_taken(rows, outcome.losses)
            self._course.step_taken(weights, outcome.losses.tokens, self.rollback.mixture.left)
        else:
            self.step += 1
            self._bad_steps.report(self.step, outcome, counts, self.checkpoints.last_good)
        self._meter.end_step(time.perf_counter() - started, outcome.gradient_norm, rate, weights)

    def _step_taken(self, rows: list[np.ndarray], training: TaskLosses) -> None:
        """Show the step to the objective."""
        self._bad_steps.in_a_row = 0
        again = self.stepper.measure(rows, self.step) if self.loss.measures_step_again else None
        self.loss.within.end_step(training)
        self.loss.after_step(training, again)
        self.step += 1
        if self._probe:
            self._probe.after_step(self.step)

    def _after_step(self) -> None:
        """Log, evaluate and save where the recipe says so."""
        settings, last = self.settings, self.step >= self.total_steps
        evaluates = last or bool(settings.eval_every and self.step % settings.eval_every == 0)
        if (settings.log_every and self.step % settings.log_every == 0) or last:
            self._log()
        if evaluates and (earlier := self._take_in(self._measure())):
            self._go_back(earlier)
            return
        needed = self._course.needs_models or self.rollback.needs_models or self.selection.best == self.step
        if last or (evaluates and needed) or (settings.save_every and self.step % settings.save_every == 0):
            self._save()
        if self._callbacks:
            with self.stepper.result_in_model():
                self._callbacks.after_step(self.step)

    def _log(self) -> None:
        epoch, local = self.plan.locate(self.step - 1)
        progress = epoch + (local + 1) / self.plan.epoch(epoch).steps
        self._emit("train", steps=self.total_steps, epoch=round(progress, 4), **self._meter.flush())
        if message := self.stepper.pace.warning():
            self._emit("warning", message=message)

    def _measure(self) -> Evaluation:
        with self.stepper.result_in_model():
            watched = self._watched.losses() if self._watched else None
            return Evaluation(self.validation.losses(), watched)

    def _take_in(self, found: Evaluation) -> Checkpoint | None:
        """Show an evaluation to all who follow; returns what the run goes back to, if the loss decides so."""
        names = self._watched.names if self._watched else ()
        watched = {"watched": found.watched.by_name(names)} if found.watched else {}
        stop = self._course.evaluated(self.step, found.losses, watched)
        self._stop = self._stop or stop
        return self.rollback.after_evaluation(self.step, found.losses.mean())

    def _go_back(self, earlier: Checkpoint) -> None:
        """Go on from an earlier checkpoint; the time and the tokens that were spent stay spent."""
        self.accelerator.wait_for_everyone()  # every rank has read it
        spent = self._meter.spent
        self._restore(earlier)
        self._meter.spent = spent
        if self._callbacks:
            with self.stepper.result_in_model():
                self._callbacks.going_back(self.step)
        self._save(newest=True)
        if self.accelerator.is_main_process:
            self.log.rewind(self.step)
            self.rollback.tell()

    def _save(self, newest: bool = False) -> None:
        """Write a checkpoint; `newest`: there are none of later steps from here on."""
        main, in_parts = self.accelerator.is_main_process, self.checkpoints.in_parts
        with self.stepper.result_in_model():
            tensors = self.stepper.tensors(keep=main, parts=in_parts)
            if main and newest:
                self.checkpoints.remove_after(self.step)
            if main or in_parts:
                kept = self.rollback.kept(self.step, self._course.kept(self.checkpoints.keeps_task_bests))
                path = self.checkpoints.save(self.step, tensors, self.state_dict(), kept)
                self._emit("checkpoint", path=str(path), best=self.selection.best == self.step)
        self._saved_step = self.step
        self.accelerator.wait_for_everyone()

    @property
    def real_tokens(self) -> int:
        """Non-padding tokens trained on since step 0, those of steps that were given up too."""
        return self._meter.spent.tokens

    def state_dict(self) -> dict[str, Any]:
        """Everything beside tensors that a resumed run needs, as JSON values."""
        return {
            "tasks": dict(self._identities),
            **self._course.state_dict(),
            "stop": self._stop,
            "bad_in_a_row": self._bad_steps.in_a_row,
            "meter": self._meter.state_dict(),
            "loss": self.loss.state_dict(),
            "within": self.loss.within.state_dict(),
            "overfitting": self.loss.overfitting.state_dict(),
            **self.rollback.state_dict(),
            "probe": self._probe.state_dict() if self._probe else None,
            "optimizer": self.stepper.numbers(),
        }

    def _emit(self, name: str, **data: Any) -> None:
        if self.accelerator.is_main_process:
            self.log.emit(name, self.step, **data)

    def _stop_requested(self, interruption: Interruption) -> bool:
        """Every rank stops at the same step, whichever of them got the signal."""
        return bool(sum_over_ranks(self.accelerator, int(interruption.signal is not None)))
