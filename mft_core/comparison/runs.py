"""Carrying out the runs of a comparison: what is finished stays, what was interrupted goes on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from mft_core.comparison.arm import AMOUNTS_EVENT, MIXTURE_EVENT
from mft_core.comparison.arms import ArmRun
from mft_core.comparison.losses_file import LOSSES_FILE, Measured, read_losses, write_losses
from mft_core.comparison.measuring import measure, measure_base
from mft_core.comparison.merged_run import is_current, merge_run
from mft_core.comparison.mixture import held_to, read_mixture, resolved, trained_tokens
from mft_core.data.tasks import TaskSet
from mft_core.errors import UsageError
from mft_core.evaluation.losses import EvaluationContext
from mft_core.events import EventLog, Listener, read_events
from mft_core.recipe.tune_options import DeclaredOptions
from mft_core.run.folder import RunFolder
from mft_core.run.plan import Plan
from mft_core.run.training import execute
from mft_core.support import run_files
from mft_core.support.ranks import is_main_rank
from mft_core.training.result import TrainingResult

FIRST_EVALUATIONS = "first"
"""In the folder of the base: what it has in the evaluations before the first step, by what decides on their bits."""


@dataclass(frozen=True, slots=True)
class RunState:
    """How far a run is."""

    begun: bool
    finished: bool


def state_of(run: ArmRun, unseen: Collection[str], declared: DeclaredOptions | None = None) -> RunState:
    """How far a run is, from its folder.

    Args:
        unseen: tasks that must have been measured for it to be finished, beside those it learns.
        declared: as in `RunFolder.check_recipe`.

    Raises:
        UsageError: it was begun with another recipe; the message lists the differences. Or with proportions of tasks
            that other small runs led to.
    """
    folder = RunFolder(run.folder)
    if not (run.folder / run_files.RECIPE).exists():
        return RunState(begun=False, finished=False)
    if any(not (source / LOSSES_FILE).is_file() for source in run.needs):
        return RunState(begun=True, finished=False)
    try:
        folder.check_recipe(resolved(run).recipe, force=False, declared=declared)
    except UsageError as error:
        raise UsageError(error.message, "put it back, or compare in another --output") from None
    ends = [event for event in read_events(run.folder / run_files.METRICS) if event["event"] == "end"]
    measured = read_losses(run.folder / LOSSES_FILE)
    ended = bool(ends) and ends[-1]["reason"] != "interrupted"
    if run.merging is not None and not is_current(run.folder, run.merging):
        return RunState(begun=True, finished=False)
    return RunState(begun=True, finished=ended and measured is not None and measured.keys() >= set(unseen))


def carry_out(
    run: ArmRun, plan: Plan, unseen: TaskSet, listeners: Mapping[str, Listener], *, begun: bool, first: Path
) -> TrainingResult:
    """Train (on) one run, or combine others, and measure what came of it, sample by sample.

    Args:
        run: with its proportions, if it is one that looks for them (`mft_core.comparison.mixture.resolved`).
        plan: of the run's recipe.
        unseen: tasks that are measured beside its own.
        listeners: see every event.
        begun: it goes on from its newest checkpoint. One that lacks nothing but the measurement is only measured.
        first: the folder in which the runs of the comparison share what they measure before the first step.

    Raises:
        MftError: see `mft_core.run.training.execute`; or another process writes to this run.
    """
    folder = RunFolder(run.folder)

    def finish(context: EvaluationContext) -> None:
        measured = _measure_all(context, plan, unseen)
        if is_main_rank():
            write_losses(run.folder / LOSSES_FILE, measured)
            _record(run, plan, measured, EventLog(run.folder, listeners))

    def work() -> TrainingResult:
        if run.merging is not None:
            return merge_run(plan, folder, run.merging, listeners, finish)
        return execute(plan, folder, listeners, begun, finish, first_evaluations=first)

    if not is_main_rank():
        return work()
    folder.open(begun)
    try:
        return work()
    finally:
        folder.close()


def base_losses(run: ArmRun, plan: Plan, unseen: TaskSet, declared: DeclaredOptions | None = None) -> Measured:
    """The base model's losses, measured once and kept in a folder beside the arms.

    Args:
        run: stands for the base: its folder, and a recipe on all tasks.
        plan: of that recipe.
        declared: as in `RunFolder.check_recipe`.
    """
    wanted = {task.name for task in (*plan.task_set, *unseen) if len(task.valid)}
    path = run.folder / LOSSES_FILE
    known = read_losses(path) if state_of(run, (), declared).begun else None
    if known is not None and known.keys() >= wanted:
        return known
    measured = _measure_all(measure_base(plan), plan, unseen)
    if is_main_rank():
        RunFolder(run.folder).write_recipe(plan.recipe)
        write_losses(path, measured)
    return measured


def _record(run: ArmRun, plan: Plan, measured: Measured, log: EventLog) -> None:
    """What a small run of "mix" trained on; or what its last run was expected to reach, and has reached."""
    if run.part:
        tokens = trained_tokens(plan.training, plan.total_steps, len(plan.task_set))
        log.emit(AMOUNTS_EVENT, plan.total_steps, tokens=dict(zip(plan.task_set.names, tokens.tolist(), strict=True)))
    found = read_mixture(run) if run.mixing else None
    if run.mixing and found:
        log.emit(MIXTURE_EVENT, plan.total_steps, **held_to(found, run.mixing, measured))


def _measure_all(context: EvaluationContext, plan: Plan, unseen: TaskSet) -> Measured:
    measured = measure(context, plan.task_set)
    return {**measured, **measure(context, unseen)} if len(unseen) else measured
