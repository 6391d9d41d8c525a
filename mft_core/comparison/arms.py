"""What is compared: arms, seeds and tasks, turned into recipes of single runs with equal budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.sample_table import SampleTable
from mft_core.errors import UsageError
from mft_core.recipe.schema import EVALUATOR, LOSS, Choice, Recipe
from mft_core.registry.catalog import Catalog
from mft_core.run.folder import refuse_others_files
from mft_core.support import run_files
from mft_core.support.suggestions import did_you_mean

if TYPE_CHECKING:
    from mft_core.run.plan import Plan

SINGLE, MIXED, BASE = "single", "mixed", "base"


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks to compare.

    Attributes:
        recipe: common to all arms.
        arms: "single" (each task alone) or names of losses.
        seeds: every arm is trained with train.seed = 0 .. seeds - 1.
        unseen: tasks of the recipe that no arm trains.
        loss_options: given with --set loss.KEY; each goes to every arm whose loss has it.
        output: folder of the comparison.
    """

    recipe: Recipe
    arms: tuple[str, ...]
    seeds: int
    unseen: tuple[str, ...]
    loss_options: Mapping[str, Any]
    output: Path

    @property
    def reference(self) -> str:
        """The arm the others are compared with."""
        return MIXED if MIXED in self.arms else self.arms[0]


@dataclass(frozen=True, slots=True)
class ArmRun:
    """One training of a comparison; `task` is "" where it learns all tasks."""

    arm: str
    task: str
    seed: int
    recipe: Recipe

    @property
    def folder(self) -> Path:
        """Its run folder."""
        return Path(self.recipe.output.dir)

    @property
    def label(self) -> str:
        """Such as "single/repair, seed 1"."""
        return f"{self.arm}{'/' * bool(self.task)}{self.task}, seed {self.seed}"

    @property
    def needs(self) -> tuple[Path, ...]:
        """Folders of the runs that must have ended before it begins."""
        return ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run on one task alone may use.

    Attributes:
        epochs: passes over its data, as many as the arms on all tasks make over the same data.
        eval_every: optimizer steps; the model is chosen from about as many evaluations as in those arms.
    """

    epochs: float
    eval_every: int


def check_arms(arms: Sequence[str], catalog: Catalog) -> tuple[str, ...]:
    """The arms, once each.

    Raises:
        UsageError: none, or one that is neither "single" nor a loss.
        MftError: one that the runs which are opened had, and that is gone.
    """
    distinct = tuple(dict.fromkeys(arm.strip() for arm in arms if arm.strip()))
    if not distinct:
        raise UsageError("--arms names no arm", "for example --arms single,mixed,balanced,famo")
    names = [entry.name for entry in catalog.of_kind("loss")]
    for arm in distinct:
        if arm != SINGLE and catalog.find("loss", arm) is None:
            catalog.require_recorded("loss", arm)
            raise UsageError(f"--arms: {arm!r} is neither {SINGLE!r} nor a loss", did_you_mean(arm, [SINGLE, *names]))
    return distinct


def arm_losses(request: Request, catalog: Catalog) -> dict[str, Choice]:
    """The loss of every arm. Alone, a task has all the weight under any loss; that arm takes the default one.

    The recipe's loss options belong to its own loss; those in `request.loss_options` to every loss that has them.

    Raises:
        UsageError: an option that no arm's loss has, or a wrong value.
    """
    losses: dict[str, Choice] = {}
    used: set[str] = set()
    own = catalog.get("loss", request.recipe.loss.name)
    for arm in request.arms:
        name = LOSS if arm == SINGLE else arm
        declared = catalog.load("loss", name).Options.model_fields
        given = {key: value for key, value in request.loss_options.items() if key in declared}
        kept = request.recipe.loss.options if catalog.get("loss", name) == own else {}
        losses[arm] = Choice(name=name, options={**kept, **given})
        catalog.build("loss", name, losses[arm].options, f"[loss] of arm {arm}")
        used |= given.keys()
    unknown = sorted(request.loss_options.keys() - used)
    if unknown:
        raise UsageError(f"--set loss.{unknown[0]}: no arm's loss has this option", f"arms: {', '.join(request.arms)}")
    return losses


def check_unseen(unseen: Sequence[str], names: Sequence[str]) -> None:
    """Refuse tasks that are to be measured only, where the recipe has no such task or no other one.

    Args:
        names: all tasks the recipe has.

    Raises:
        UsageError: an unseen task there is not, or nothing left to train.
    """
    for name in unseen:
        if name not in names:
            hint = f"{did_you_mean(name, names)} Data from elsewhere: --unseen {name}=PATH."
            raise UsageError(f"--unseen {name}: the recipe has no such task", hint)
    if not set(names) - set(unseen):
        raise UsageError("every task is unseen: nothing is left to train", "leave some --unseen out")


def common_recipe(request: Request, names: Sequence[str]) -> Recipe:
    """The recipe of a run on all tasks but the unseen ones, still without its arm's loss, seed and folder.

    Args:
        names: all tasks the recipe has.

    Raises:
        UsageError: an unseen task there is not, or nothing left to train.
    """
    check_unseen(request.unseen, names)
    trained = [name for name in names if name not in request.unseen]
    recipe = request.recipe.having("data", include=trained) if request.unseen else request.recipe
    scored = [choice for choice in recipe.eval if choice.name != EVALUATOR]  # measured here, sample by sample
    return recipe.model_copy(update={"eval": scored})


def single_budgets(plan: Plan) -> dict[str, Budget]:
    """What each task may use alone, from the plan of an arm on all tasks."""
    train, data = plan.recipe.train, plan.recipe.data
    epochs = passes(plan.training, plan.total_steps) if train.steps else train.epochs
    budgets = {}
    for task, repeats in zip(plan.task_set, plan.training.repeats, strict=True):
        mine = epochs * float(repeats)
        table, repeat = SampleTable([task.train]), np.array([task.sampling.repeat])
        alone = BatchPlan(table, plan.training.packer, data.max_length, train.batch_size, train.seed, repeat=repeat)
        share = alone.total_steps(mine) / plan.total_steps
        eval_every = max(1, round(train.eval_every * share)) if train.eval_every else 0
        budgets[task.name] = Budget(mine, eval_every)
    return budgets


def passes(training: BatchPlan, steps: int) -> float:
    """Epochs that so many optimizer steps make."""
    epoch, last = training.locate(steps - 1)
    return epoch + (last + 1) / training.epoch(epoch).steps


def make_runs(
    request: Request, common: Recipe, losses: Mapping[str, Choice], budgets: Mapping[str, Budget]
) -> list[ArmRun]:
    """Every run of the comparison; seed by seed, so that what is there after an interruption is balanced."""
    return [
        run
        for seed in range(request.seeds)
        for arm in request.arms
        for run in _runs_of(request, common, arm, losses[arm], seed, budgets)
    ]


def _runs_of(
    request: Request, common: Recipe, arm: str, loss: Choice, seed: int, budgets: Mapping[str, Budget]
) -> Iterator[ArmRun]:
    if arm != SINGLE:
        folder = request.output / arm.replace("/", "-") / f"seed-{seed}"
        yield ArmRun(arm, "", seed, _with(common, loss, folder, seed=seed))
        return
    for task, budget in budgets.items():
        folder = request.output / arm / task / f"seed-{seed}"
        fields = {"steps": 0, "epochs": budget.epochs, "eval_every": budget.eval_every}
        alone = common.having("data", include=[task])
        yield ArmRun(arm, task, seed, _with(alone, loss, folder, seed=seed, **fields))


def refuse_no_comparison(folder: Path) -> None:
    """A comparison goes on in its own folder, and begins in a new or empty one.

    Raises:
        UsageError: `folder` holds something else.
    """
    if not (folder / BASE / run_files.RECIPE).is_file():
        refuse_others_files(folder, "comparison")


def base_run(request: Request, common: Recipe) -> ArmRun:
    """Stands for the model before training: all tasks, nothing trained."""
    return ArmRun(BASE, "", 0, _with(common, Choice(name=LOSS), request.output / BASE, seed=0))


def _with(recipe: Recipe, loss: Choice, folder: Path, **train: Any) -> Recipe:
    return recipe.having("train", **train).having("output", dir=str(folder)).model_copy(update={"loss": loss})
