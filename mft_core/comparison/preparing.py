"""Everything a comparison can know before the first run: tasks, budgets, runs; whatever can be wrong shows here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mft_core.batching.prepared import open_prepared
from mft_core.comparison.affinity import affinity_remarks
from mft_core.comparison.arm import Arm
from mft_core.comparison.arm_kinds import arm_losses, kind_of
from mft_core.comparison.arm_recipes import arm_recipe, budget_warnings
from mft_core.comparison.arm_runs import base_run, make_runs
from mft_core.comparison.arms import ArmRun, Request, common_recipe
from mft_core.comparison.measuring import digests, unseen_tasks
from mft_core.comparison.runs import RunState, state_of
from mft_core.data.readers import Readers
from mft_core.data.task_files import ExplicitTask, check_names, explicit_tasks
from mft_core.data.tasks import TaskSet
from mft_core.errors import UsageError
from mft_core.recipe.schema import Choice, Recipe
from mft_core.records import TaskFiles
from mft_core.registry.catalog import Catalog
from mft_core.run.components import choose_parts
from mft_core.run.course_warnings import idle_warnings
from mft_core.run.plan import OnProgress, Plan
from mft_core.run.recipe_check import every_task, included, refuse_no_family, wanted


@dataclass(frozen=True, slots=True)
class Prepared:
    """A comparison, ready to be carried out.

    Attributes:
        base: stands for the model before training.
        plan: of `base`: all tasks that are trained.
        unseen: tasks that are only measured, those that the recipe watches among them.
        runs: each run, and how far it is.
        remarks: what a reader must know of the arms.
    """

    base: ArmRun
    plan: Plan
    unseen: TaskSet
    runs: list[tuple[ArmRun, RunState]]
    remarks: list[str]

    @property
    def importance(self) -> dict[str, float]:
        """Weight of each trained task."""
        return {task.name: task.weight for task in self.plan.task_set}


def prepare_comparison(
    request: Request,
    elsewhere: Sequence[tuple[str, Path]],
    catalog: Catalog,
    plan_of: Callable[[Recipe], Plan],
    on_progress: OnProgress | None = None,
) -> Prepared:
    """Plan a comparison.

    Args:
        request: what is compared.
        elsewhere: (name, path) of unseen tasks that are not in the recipe.
        catalog: all components.
        plan_of: makes a plan of a recipe.
        on_progress: as in `mft_core.run.plan.make_plan`.

    Raises:
        UsageError: an unknown arm, option or task; small runs that would be too short; or a run that was begun with
            another recipe.
        MftError: data that cannot be used.
    """
    if not any(kind_of(arm).learns_several for arm in request.arms) and (request.unseen or elsewhere):
        raise UsageError("--unseen needs an arm that learns several tasks", "for example --arms single,mixed")
    losses = arm_losses(request, catalog)
    recipe = request.recipe
    parts = choose_parts(recipe, catalog)
    refuse_no_family(recipe, parts, catalog)
    prepared = open_prepared(Path(recipe.data.prepared)) if recipe.data.prepared else None
    files = wanted(every_task(recipe, parts, prepared), recipe)
    every = [task.name for task in files]
    common = common_recipe(recipe, request.unseen, every)
    base = base_run(request, common)
    plan = plan_of(base.recipe)
    plans = {arm.label: _plan_of_arm(arm, request, every, catalog, plan, plan_of) for arm in request.arms}
    idle = [remark for arm in request.arms for remark in _started(arm, losses[arm.label], plans[arm.label], catalog)]
    others = [_measured_whole(task, parts.readers) for task in elsewhere]
    unseen_files = [*included(files, request.unseen, "--unseen"), *others]
    names = [task.name for task in plan.task_set.every]
    check_names([*included(files, names, "tasks"), *unseen_files])
    unseen = unseen_tasks(plan, unseen_files, on_progress)
    measurable = {task.name for task in unseen if len(task.valid)}
    for arm in request.arms:
        kind, plan_of_arm = kind_of(arm), plans[arm.label]
        kind.check(arm, request.arms, plan_of_arm.recipe, plan_of_arm.parts.tuner)
        kind.check_tasks(arm, plan_of_arm.task_set)
    outlines = {arm.label: kind_of(arm).outline(plans[arm.label], losses[arm.label]) for arm in request.arms}
    runs = make_runs(request, outlines)
    states = [(run, state_of(run, measurable if run.measures_unseen else (), catalog)) for run in runs]
    return Prepared(base, plan, unseen, states, [*budget_warnings(request.arms), *idle, *affinity_remarks(states)])


def _started(arm: Arm, choice: Choice, plan: Plan, catalog: Catalog) -> list[str]:
    """What to know of an arm's loss, once started on its tasks.

    Raises:
        UsageError: an option that names a task there is not.
    """
    loss = catalog.build("loss", choice.name, choice.options, "[loss]")
    loss.start(plan.task_set.counts)
    tasks = len(plan.task_set) if kind_of(arm).learns_several else 1
    return [f"arm {arm.label!r}: {warning}" for warning in idle_warnings(loss, tasks, plan.total_steps)]


def _plan_of_arm(
    arm: Arm, request: Request, names: Sequence[str], catalog: Catalog, common: Plan, plan_of: Callable[[Recipe], Plan]
) -> Plan:
    """The plan of an arm's runs on all tasks; `common` where it has no keys of its own.

    Raises:
        UsageError: its validation samples are others.
    """
    if not arm.keys:
        return common
    own = common_recipe(arm_recipe(request.recipe, arm, catalog), request.unseen, names)
    try:
        plan = plan_of(base_run(request, own).recipe)
    except UsageError as error:
        raise arm.wrong(error) from None
    for task, other in zip(common.task_set.every, plan.task_set.every, strict=True):
        if not np.array_equal(digests(task), digests(other)):
            raise UsageError(
                f"arm {arm.label!r}: with its own keys, task {task.name!r} has other validation samples",
                "arms are compared on the same samples: give the keys to all arms, with --set",
            )
    return plan


def _measured_whole(task: tuple[str, Path], readers: Readers) -> TaskFiles:
    """An unseen task from elsewhere: a task folder's validation files, else all there is."""
    name, path = task
    (files,) = explicit_tasks([ExplicitTask(name, str(path))], Path(), readers)
    return files if files.valid else replace(files, valid=files.train)
