"""What is compared: arms, seeds and tasks, turned into recipes of single runs with equal budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mft_core.comparison.arm import BASE, MERGED, MIXED, SINGLE, Arm
from mft_core.comparison.budgets import Budget
from mft_core.errors import UsageError
from mft_core.recipe.schema import EVALUATOR, LOSS, Choice, Recipe
from mft_core.recipe.unknown_keys import suggest_key
from mft_core.registry.catalog import Catalog
from mft_core.run.folder import refuse_others_files
from mft_core.support import run_files
from mft_core.support.suggestions import did_you_mean, nearest
from mft_core.tuning.combining import MergeOptions


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks to compare.

    Attributes:
        recipe: common to all arms.
        arms: as they were asked for.
        seeds: every arm is trained with train.seed = 0 .. seeds - 1.
        unseen: tasks of the recipe that no arm trains.
        loss_options: given with --set loss.KEY; each goes to every arm whose loss has it.
        output: folder of the comparison.
    """

    recipe: Recipe
    arms: tuple[Arm, ...]
    seeds: int
    unseen: tuple[str, ...]
    loss_options: Mapping[str, Any]
    output: Path

    @property
    def labels(self) -> tuple[str, ...]:
        """What the arms are called."""
        return tuple(arm.label for arm in self.arms)

    @property
    def reference(self) -> str:
        """The arm the others are compared with."""
        return MIXED if MIXED in self.labels else self.labels[0]


@dataclass(frozen=True, slots=True)
class Merging:
    """How a run comes about that is not trained.

    Attributes:
        options: of the merging.
        sources: by task, the folder of the run whose adapter is combined with the others'.
    """

    options: MergeOptions
    sources: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class ArmRun:
    """One run of a comparison; `task` is "" where it learns all tasks.

    Attributes:
        arm: its arm's label.
        merging: None where it is trained.
    """

    arm: str
    task: str
    seed: int
    recipe: Recipe
    merging: Merging | None = None

    @property
    def folder(self) -> Path:
        """Its run folder."""
        return Path(self.recipe.output.dir)

    @property
    def needs(self) -> tuple[Path, ...]:
        """Folders of runs that must have ended before it begins."""
        return tuple(self.merging.sources.values()) if self.merging else ()

    @property
    def label(self) -> str:
        """Such as "single/repair, seed 1"."""
        return f"{self.arm}{'/' * bool(self.task)}{self.task}, seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Outline:
    """What the runs of one arm have in common.

    Attributes:
        recipe: on all tasks that are trained, still without loss, seed and folder.
        budgets: of its runs on one task alone, by task.
    """

    recipe: Recipe
    loss: Choice
    budgets: Mapping[str, Budget]


def check_arms(arms: Sequence[Arm], catalog: Catalog) -> tuple[Arm, ...]:
    """The arms, none of which is unknown.

    Raises:
        UsageError: one that is neither "single" nor "merged" nor a loss; two whose results would lie in one folder.
        MftError: one that the runs which are opened had, and that is gone.
    """
    names = [entry.name for entry in catalog.of_kind("loss")]
    folders: dict[str, Arm] = {}
    for arm in arms:
        if arm.name not in (SINGLE, MERGED) and catalog.find("loss", arm.name) is None:
            catalog.require_recorded("loss", arm.name)
            hint = did_you_mean(arm.name, [SINGLE, MERGED, *names])
            raise UsageError(f"--arms: {arm.name!r} is neither {SINGLE!r} nor {MERGED!r} nor a loss", hint)
        other = folders.setdefault(arm.folder, arm)
        if other is not arm:
            raise UsageError(
                f"--arms: {other.label!r} and {arm.label!r} would have one folder", "leave one of them out"
            )
    return tuple(arms)


def arm_losses(request: Request, catalog: Catalog) -> dict[str, Choice]:
    """The loss of every arm. Alone, a task has all the weight under any loss; that arm takes the default one.

    The recipe's loss options belong to its own loss; those in `request.loss_options` to every loss that has them; an
    arm's own go before both.

    Raises:
        UsageError: an option that no arm's loss has, or a wrong value.
    """
    losses: dict[str, Choice] = {}
    used: set[str] = set()
    own = catalog.get("loss", request.recipe.loss.name)
    for arm in request.arms:
        name = LOSS if arm.name in (SINGLE, MERGED) else arm.name
        declared = catalog.load("loss", name).Options.model_fields
        given = {key: value for key, value in request.loss_options.items() if key in declared}
        kept = request.recipe.loss.options if catalog.get("loss", name) == own else {}
        arms_own = {} if arm.name == MERGED else arm.options
        refuse_unknown_options(arm, arms_own, declared)
        losses[arm.label] = Choice(name=name, options={**kept, **given, **arms_own})
        catalog.build("loss", name, losses[arm.label].options, f"[loss] of arm {arm.label}")
        used |= given.keys()
    unknown = sorted(request.loss_options.keys() - used)
    if unknown:
        raise UsageError(
            f"--set loss.{unknown[0]}: no arm's loss has this option", f"arms: {', '.join(request.labels)}"
        )
    return losses


def refuse_unknown_options(arm: Arm, options: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    """Raise UsageError for an option that an arm does not have; what is a key of the recipe is named in full."""
    for key in options:
        if key not in declared:
            near = nearest(key, declared)
            hint = f"did you mean {near!r}?" if near else suggest_key(key)
            there = ", ".join(declared) or "none"
            raise UsageError(f"arm {arm.label!r}: {arm.name} has no option {key!r}; it has: {there}", hint)


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


def common_recipe(recipe: Recipe, unseen: Sequence[str], names: Sequence[str]) -> Recipe:
    """The recipe of a run on all tasks but the unseen ones, still without its arm's loss, seed and folder.

    Args:
        names: all tasks the recipe has.

    Raises:
        UsageError: an unseen task there is not, or nothing left to train.
    """
    check_unseen(unseen, names)
    trained = [name for name in names if name not in unseen]
    recipe = recipe.having("data", include=trained) if unseen else recipe
    scored = [choice for choice in recipe.eval if choice.name != EVALUATOR]  # measured here, sample by sample
    return recipe.model_copy(update={"eval": scored})


def make_runs(request: Request, outlines: Mapping[str, Outline], merging: Mapping[str, MergeOptions]) -> list[ArmRun]:
    """Every run of the comparison; seed by seed, so that what is there after an interruption is balanced.

    Within a seed, what is combined comes after all that is trained.

    Args:
        outlines: by arm.
        merging: of the arms that are combined.
    """
    ordered = sorted(request.arms, key=lambda arm: arm.name == MERGED)
    runs: list[ArmRun] = []
    for seed in range(request.seeds):
        for arm in ordered:
            outline = outlines[arm.label]
            if arm.name == MERGED:
                partner = partner_of(arm, request.arms).label
                made = [run for run in runs if (run.arm, run.seed) == (partner, seed)]
                how = Merging(merging[arm.label], {run.task: run.folder for run in made})
                runs.append(ArmRun(arm.label, "", seed, _of_all_tasks(request, arm, outline, seed), how))
            elif arm.name == SINGLE:
                runs += _alone(request, arm, outline, seed)
            else:
                runs.append(ArmRun(arm.label, "", seed, _of_all_tasks(request, arm, outline, seed)))
    return runs


def partner_of(arm: Arm, arms: Sequence[Arm]) -> Arm:
    """The arm whose adapters a "merged" one combines: "single" with the same recipe.

    Raises:
        UsageError: it is not among them.
    """
    for other in arms:
        if other.name == SINGLE and other.keys == arm.keys:
            return other
    wanted = Arm(SINGLE, arm.keys).label
    given = ",".join(each.label for each in arms)
    raise UsageError(
        f"arm {arm.label!r} combines the adapters of the arm {wanted!r}, which is not compared",
        f'add it: --arms "{wanted},{given}"',
    )


def _of_all_tasks(request: Request, arm: Arm, outline: Outline, seed: int) -> Recipe:
    return _with(outline.recipe, outline.loss, request.output / arm.folder / f"seed-{seed}", seed=seed)


def _alone(request: Request, arm: Arm, outline: Outline, seed: int) -> Iterator[ArmRun]:
    for task, budget in outline.budgets.items():
        folder = request.output / arm.folder / task / f"seed-{seed}"
        fields = {"steps": 0, "epochs": budget.epochs, "eval_every": budget.eval_every}
        alone = outline.recipe.having("data", include=[task]).having("output", affinity=False)
        yield ArmRun(arm.label, task, seed, _with(alone, outline.loss, folder, seed=seed, **fields))


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
