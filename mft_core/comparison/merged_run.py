"""A run that is not trained: the adapters of the runs on one task each, combined into one.

Its folder is that of a run like any other. In its log step 0 is the base and step 1 the combination, so that what reads
runs can read it; no optimizer step is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from mft_core.comparison.arm import MERGE_EVENT
from mft_core.comparison.arms import Merging
from mft_core.data.tasks import write_quarantine
from mft_core.errors import MftError
from mft_core.evaluation.losses import EvaluationContext
from mft_core.events import EventLog, Listener, read_events
from mft_core.models.end_tokens import end_tokens
from mft_core.run.card import card_facts
from mft_core.run.folder import RunFolder
from mft_core.run.plan import Plan
from mft_core.run.row_form import load_fitted, measuring
from mft_core.run.scheduled_evaluations import TrainingEvaluations
from mft_core.run.start_facts import start_facts
from mft_core.run.training import base_facts
from mft_core.support import run_files
from mft_core.support.ranks import process_state
from mft_core.support.threads import set_threads
from mft_core.training.callbacks import CallbackContext, Callbacks
from mft_core.training.result import TrainingResult
from mft_core.training.selection import mean_over_tasks
from mft_core.tuning.combining import SPARSE, AdapterCombiner
from mft_core.tuning.fingerprint import RECORD_FILE, model_fingerprint, read_json_object
from mft_core.tuning.saving import save_final

RESULT = TrainingResult(step=1, selected=1, reason="done", exit_code=0)


def is_current(run: Path, merging: Merging) -> bool:
    """Whether the run in `run` combined the adapters as they are now."""
    merges = [event for event in read_events(run / run_files.METRICS) if event["event"] == MERGE_EVENT]
    if not merges or any(not (folder / run_files.FINAL).is_dir() for folder in merging.sources.values()):
        return False
    return merges[-1]["adapters"] == _fingerprints(merging)


def merge_run(
    plan: Plan,
    folder: RunFolder,
    merging: Merging,
    listeners: Mapping[str, Listener],
    on_finished: Callable[[EvaluationContext], None],
) -> TrainingResult:
    """Combine adapters, with the weight whose combination has the lowest mean validation loss (equation 1).

    Args:
        plan: of all tasks that were trained.
        folder: opened; what is in it is written anew.
        listeners: by name; each sees every event.
        on_finished: called with the combination.

    Raises:
        MftError: an adapter is missing, is of another base, or cannot be combined; no weight gives a finite loss.
    """
    set_threads()
    device = process_state().device
    accelerator = Accelerator(mixed_precision=plan.precision(device).mixed, cpu=device.type == "cpu")
    log = EventLog(folder.path, listeners if accelerator.is_main_process else {})
    writes = accelerator.is_main_process
    fitted = load_fitted(plan, accelerator.device)
    plan = fitted.plan
    base = base_facts(plan, fitted.model)
    _refuse_other_bases(merging, base["fingerprint"])
    combiner = AdapterCombiner(fitted.model, [source / run_files.FINAL for source in merging.sources.values()])
    plan.parts.tuner.as_trained(combiner.model)
    validation = measuring(replace(fitted, model=combiner.model), accelerator)
    evaluations = TrainingEvaluations(plan, folder.path, sharded=False)
    callbacks = Callbacks(
        {"evaluations": evaluations, **plan.parts.callbacks},
        CallbackContext(combiner.model, validation, log, RESULT.step),
    )
    if writes:
        _begin(log, plan, base, folder, merging, start_facts(plan, base, combiner.model, accelerator, RESULT.step))
    with combiner.model.disable_adapter():
        before = _evaluated(validation, plan)
    if writes:
        log.emit("eval", 0, **before)
    facts, after = _choose(combiner, merging, validation, plan)
    if writes:
        log.emit(MERGE_EVENT, RESULT.step, **facts)
        log.emit("eval", RESULT.step, **after)
    callbacks.start(RESULT.step)
    on_finished(validation)
    if writes:
        _save(combiner, plan, log, base["fingerprint"], facts)
    callbacks.at_end(RESULT.step)
    if writes:
        log.emit("end", RESULT.step, reason=RESULT.reason, selected=RESULT.selected, seconds=facts["seconds"], tokens=0)
    callbacks.close(RESULT.step)
    accelerator.wait_for_everyone()
    return RESULT


def _begin(
    log: EventLog, plan: Plan, base: Mapping[str, Any], folder: RunFolder, merging: Merging, facts: Mapping[str, Any]
) -> None:
    log.rewind(-1)
    folder.write_recipe(plan.recipe)
    folder.write_components(plan.parts.entries, base)
    write_quarantine(plan.task_set, folder.path / run_files.QUARANTINE)
    loss = {"name": "merged", **merging.options.model_dump()}
    log.emit("start", 0, **{**facts, "loss": loss, "adapters": len(merging.sources)})


def _choose(
    combiner: AdapterCombiner, merging: Merging, validation: EvaluationContext, plan: Plan
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Try every weight and take the best, the smallest of equal ones; the combiner then computes its combination.

    Returns:
        The fields of the "merge" event and those of the combination's "eval".
    """
    started, options, seed = time.perf_counter(), merging.options, plan.recipe.train.seed
    tried = []
    for weight in options.tried(len(merging.sources)):
        combiner.combine(options, weight, seed)
        tried.append((weight, _evaluated(validation, plan)))
    finite = [(result["loss"], weight, result) for weight, result in tried if result["loss"] == result["loss"]]
    if not finite:
        raise MftError(
            f"every weight that was tried in combining the adapters ({options.method}) gives a loss that is not finite",
            "give smaller ones: merged weights=[0.05,0.1]",
        )
    _, chosen, result = min(finite, key=lambda pair: pair[:2])
    combiner.combine(options, chosen, seed)
    facts = {
        "method": options.method,
        **({"density": options.density} if options.method in SPARSE else {}),
        "weight": chosen,
        "tried": [{"weight": weight, "loss": measured["loss"]} for weight, measured in tried],
        "adapters": _fingerprints(merging),
        "seconds": round(time.perf_counter() - started, 3),
    }
    return facts, result


def _evaluated(validation: EvaluationContext, plan: Plan) -> dict[str, Any]:
    """The fields of an "eval" event."""
    losses = validation.losses()
    total = mean_over_tasks(losses.mean(), losses.tokens > 0, plan.task_set.counts.importance)
    return {"loss": total, "tasks": losses.by_name(plan.task_set.names)}


def _save(combiner: AdapterCombiner, plan: Plan, log: EventLog, fingerprint: str, facts: Mapping[str, Any]) -> None:
    combiner.drop_parts()
    model = combiner.model
    ends = end_tokens(model, plan.tokenizer, plan.parts.tokenization)
    combined = f"combined by PEFT: {facts['method']}, {facts['weight']:.3g} each"
    how = f"{plan.recipe.tune.method}, an adapter for each task, {combined}"
    card = replace(card_facts(plan, model, log.run, RESULT.selected), method=how, step=0)
    final, tuner = log.run / run_files.FINAL, plan.parts.tuner
    save_final(model, plan.tokenizer, final, tuner, plan.recipe.tune, None, ends, card, fingerprint)


def _fingerprints(merging: Merging) -> dict[str, str]:
    """By task, what identifies the adapter; it changes where a run was trained anew and came out otherwise."""
    return {task: model_fingerprint(folder) for task, folder in merging.sources.items()}


def _refuse_other_bases(merging: Merging, fingerprint: str) -> None:
    for folder in merging.sources.values():
        known = read_json_object(folder / run_files.FINAL / RECORD_FILE).get("fingerprint")
        if known is None:
            raise MftError(f"{folder} has no finished adapter to combine", "run the same command again")
        if known != fingerprint:
            raise MftError(
                f"the adapter of {folder} was trained on other weights than those of the base now",
                "put the base back, or compare in another --output",
            )
