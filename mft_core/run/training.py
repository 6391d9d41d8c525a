"""From a plan to a trained model: load, tune, evaluate, save."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from mft_core.data.identity import identities
from mft_core.evaluation.losses import EvaluationContext
from mft_core.events import EventLog, Listener
from mft_core.models.end_tokens import end_tokens
from mft_core.models.mapped_weights import whole_copy_warning
from mft_core.nn.token_losses import TokenLossModel
from mft_core.run.affinity import RunAffinity, affinity_schedule, run_affinity
from mft_core.run.card import card_facts
from mft_core.run.continuing import continued_facts, take_up
from mft_core.run.first_evaluations import first_evaluation
from mft_core.run.folder import RunFolder
from mft_core.run.lost_ranks import advice_on_lost_ranks, how_to_go_on
from mft_core.run.out_of_memory import advice_on_memory
from mft_core.run.plan import Plan
from mft_core.run.rank_watch import RankWatch
from mft_core.run.resuming import resume_or_start
from mft_core.run.row_form import Fitted, load_fitted, validation_context
from mft_core.run.scheduled_evaluations import TrainingEvaluations
from mft_core.support import run_files
from mft_core.support.ranks import process_state
from mft_core.support.threads import set_threads
from mft_core.training.accelerators import training_accelerator
from mft_core.training.callbacks import CallbackContext, Callbacks
from mft_core.training.checkpoint import CheckpointFolder
from mft_core.training.first_evaluation import FirstEvaluation
from mft_core.training.result import TrainingResult
from mft_core.training.sharding import is_sharded, shard
from mft_core.training.spread import launched_spread
from mft_core.training.state_tensors import every_tensor, trainable_tensors
from mft_core.training.trainer import Trainer
from mft_core.tuning.fingerprint import base_fingerprint
from mft_core.tuning.preparing import prepare_for_tuning
from mft_core.tuning.saving import save_final


def execute(
    plan: Plan,
    folder: RunFolder,
    listeners: Mapping[str, Listener],
    resume: bool = False,
    on_finished: Callable[[EvaluationContext], None] | None = None,
    force: bool = False,
    first_evaluations: Path | None = None,
) -> TrainingResult:
    """Train as planned, into an opened run folder.

    Args:
        listeners: by name; each sees every event.
        resume: continue from the newest good checkpoint in the folder.
        on_finished: called with the selected model when the training has ended, not when it was interrupted.
        force: resume although the tasks or their samples are others than they were.
        first_evaluations: where runs that measure the same before the first step share that; None: this one measures.

    Raises:
        UsageError: they are, and `force` is False; the message lists the differences.
        MftError: documents of one row see each other, losses stay not finite, a checkpoint cannot be written.
    """
    started = time.perf_counter()
    set_threads()
    accelerator = _accelerator(plan)
    torch.manual_seed(plan.recipe.train.seed)
    log = EventLog(folder.path, listeners if accelerator.is_main_process else {})
    spread = launched_spread(plan.recipe.train.sharding)
    evaluations = TrainingEvaluations(plan, folder.path, spread.sharded)
    with advice_on_memory(plan.recipe, plan.parts.tuner.lighter, lambda: "while the model was loaded"):
        fitted, model = load_for_tuning(plan, accelerator.device, spread.sharded)
    plan, base = fitted.plan, base_facts(plan, model)
    whole_copy = whole_copy_warning(model) if spread.sharded else ""
    if not (resume and _checkpoints(plan, folder.path, spread.sharded).steps()):
        take_up(model, plan.recipe, plan.parts.tuner, base)
    router_loss = plan.adapter.router_loss(model.config) if plan.recipe.train.router_loss else None
    token_losses = TokenLossModel(model, fitted.inputs, router_loss, plan.recipe.tune.noise)
    prepared = shard(token_losses, accelerator, spread.copies) if spread.sharded else accelerator.prepare(token_losses)
    context = CallbackContext(model, validation_context(plan, prepared, accelerator), log, plan.total_steps)
    affinity = _affinity(plan, context.validation)
    callbacks = Callbacks({"evaluations": evaluations, **affinity, **plan.parts.callbacks}, context)
    first = first_evaluation(first_evaluations, plan, base["fingerprint"], accelerator)
    trainer = _build_trainer(plan, context.validation, log, callbacks, affinity, first)
    resume_or_start(trainer, plan, base, folder, resume=resume, force=force)
    _warn(trainer, spread.warning, fitted.warning, whole_copy)
    with trainer.stepper.result_in_model():
        callbacks.start(trainer.step)
    with _rank_watch(trainer, plan) as watch:
        result = _run(trainer, plan, watch)
        if result.reason != "interrupted":
            if on_finished:
                on_finished(trainer.validation)
            _save_final(trainer, plan, model, result.selected, base["fingerprint"])
            callbacks.at_end(result.step)
        _log_end(trainer, result, time.perf_counter() - started)
        callbacks.close(result.step)
        accelerator.wait_for_everyone()
    return result


def _accelerator(plan: Plan) -> Accelerator:
    device = process_state().device
    return training_accelerator(device.type == "cpu", plan.precision(device).mixed)


def _rank_watch(trainer: Trainer, plan: Plan) -> RankWatch:
    def state() -> tuple[int, bool]:
        return trainer.step, trainer.stepper.trains

    def advice() -> str:
        return how_to_go_on(plan.recipe, _saved(trainer))

    return RankWatch(trainer.log.run / run_files.LIFE_SIGNS, plan.recipe.train.hang_limit, state, advice)


def _saved(trainer: Trainer) -> str:
    """The last good checkpoint, in words; "": there is none."""
    return trainer.checkpoints.last_good if trainer.checkpoints.steps() else ""


def _warn(trainer: Trainer, *messages: str) -> None:
    """Write those that say something into the log."""
    for message in filter(None, messages):
        if trainer.accelerator.is_main_process:
            trainer.log.emit("warning", trainer.step, message=message)


def _log_end(trainer: Trainer, result: TrainingResult, seconds: float) -> None:
    if trainer.accelerator.is_main_process:
        ending = {"reason": result.reason, "selected": result.selected}
        trainer.log.emit("end", result.step, **ending, seconds=round(seconds, 2), tokens=trainer.real_tokens)


def _run(trainer: Trainer, plan: Plan, watch: RankWatch) -> TrainingResult:
    def where() -> str:
        return f"in step {trainer.step + 1} of {trainer.total_steps}"

    def saved() -> str:
        return _saved(trainer)

    memory = advice_on_memory(plan.recipe, plan.parts.tuner.lighter, where, saved)
    with memory, advice_on_lost_ranks(plan.recipe, where, saved, watch.verdict):
        return trainer.run()


def _save_final(trainer: Trainer, plan: Plan, model: nn.Module, selected: int, fingerprint: str) -> None:
    """Write the selected model on the main rank; all ranks take part in gathering a sharded one."""
    tensors = _whole_tensors(trainer, plan)
    if trainer.accelerator.is_main_process:
        run = trainer.log.run
        ends = end_tokens(model, plan.tokenizer, plan.parts.tokenization)
        card = card_facts(plan, model, run, selected)
        final, tuner = run / run_files.FINAL, plan.parts.tuner
        save_final(model, plan.tokenizer, final, tuner, plan.recipe.tune, tensors, ends, card, fingerprint)


def _whole_tensors(trainer: Trainer, plan: Plan) -> dict[str, torch.Tensor] | None:
    """What a sharded model's tuner saves, by the language model's own names, on the main rank."""
    if not is_sharded(trainer.model):
        return None
    gathered = every_tensor if plan.parts.tuner.form == "model" else trainable_tensors
    tensors = gathered(trainer.model, keep=trainer.accelerator.is_main_process)
    return {name.removeprefix("model."): tensor for name, tensor in tensors.items()}


def load_for_tuning(plan: Plan, device: torch.device, spread: bool) -> tuple[Fitted, nn.Module]:
    """The base with rows that suit it, and the same model with its trainable part ready."""
    fitted = load_fitted(plan, device, spread)
    if plan.parts.tuner.trains_base:
        plan.adapter.prepare_full_tuning(fitted.model, plan.base_folder)
    return fitted, prepare_for_tuning(fitted.model, plan.parts.tuner, plan.tuner_request)


def _build_trainer(
    plan: Plan,
    validation: EvaluationContext,
    log: EventLog,
    callbacks: Callbacks,
    affinity: Mapping[str, RunAffinity],
    first: FirstEvaluation | None,
) -> Trainer:
    trainer = Trainer(
        model=validation.model,
        loss=plan.parts.loss,
        plan=plan.training,
        validation=validation,
        settings=plan.recipe.train,
        accelerator=validation.accelerator,
        log=log,
        checkpoints=_checkpoints(plan, log.run, is_sharded(validation.model)),
        total_steps=plan.total_steps,
        optimizer=plan.parts.optimizer,
        callbacks=callbacks,
        watched=_watched(plan, validation),
        identities=identities(plan.task_set),
        pad_id=plan.tokenizer.pad_token_id or 0,
        first=first,
    )
    for each in affinity.values():
        each.optimizer = trainer.stepper.optimizer
    return trainer


def _checkpoints(plan: Plan, run: Path, spread: bool) -> CheckpointFolder:
    """Written in parts where weights of the base are trained: an adapter is small as a whole."""
    output = plan.recipe.output
    wanted = output.checkpoints == "sharded" or (output.checkpoints == "auto" and plan.parts.tuner.trains_base)
    return CheckpointFolder(run / run_files.CHECKPOINTS, output.keep, output.keep_task_bests, wanted and spread)


def _affinity(plan: Plan, validation: EvaluationContext) -> dict[str, RunAffinity]:
    """What measures who helps whom, where that is asked for."""
    schedule = affinity_schedule(plan.recipe, plan.task_set, plan.training, plan.total_steps)
    training = replace(validation, validation=plan.training.table)
    return run_affinity(schedule, plan.parts.loss, training, plan.recipe.train)


def _watched(plan: Plan, validation: EvaluationContext) -> EvaluationContext | None:
    watched = plan.task_set.watched
    return validation.on([task.name for task in watched], [task.valid for task in watched]) if watched else None


def base_facts(plan: Plan, model: nn.Module) -> dict[str, Any]:
    """What a run is built on: where its base came from, what identifies its weights and the tuner's part of them."""
    return {
        "reference": plan.recipe.model.base,
        "folder": str(plan.base_folder),
        "fingerprint": base_fingerprint(plan.base_folder),
        "random_weights": plan.parts.base.random_weights,
        "initialization": plan.parts.tuner.beginning(model),
        **continued_facts(plan.recipe),
    }
