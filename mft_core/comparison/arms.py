"""What is compared: arms, seeds and tasks, turned into recipes of single runs with equal budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mft_core.comparison.arm import BASE, MIXED, Arm
from mft_core.comparison.budgets import Budget
from mft_core.comparison.small_runs import Amounts, MixOptions
from mft_core.errors import UsageError
from mft_core.recipe.choices import EVALUATOR, Choice
from mft_core.recipe.schema import Recipe
from mft_core.recipe.unknown_keys import suggest_key
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
class Mixing:
    """How a run comes to its proportions of tasks; its recipe has them as they are without.

    Attributes:
        options: of the arm.
        amounts: what it would train on without.
        sources: folders of its small runs.
    """

    options: MixOptions
    amounts: Amounts
    sources: Sequence[Path]


@dataclass(frozen=True, slots=True)
class ArmRun:
    """One run of a comparison; `task` is "" where it learns all tasks.

    Attributes:
        arm: its arm's label.
        merging: None where it is trained.
        mixing: None where its recipe has its proportions.
        part: what it is called where it is no result, but another run of its arm needs it; else "".
    """

    arm: str
    task: str
    seed: int
    recipe: Recipe
    merging: Merging | None = None
    mixing: Mixing | None = None
    part: str = ""

    @property
    def folder(self) -> Path:
        """Its run folder."""
        return Path(self.recipe.output.dir)

    @property
    def needs(self) -> tuple[Path, ...]:
        """Folders of runs that must have ended before it begins."""
        if self.mixing:
            return tuple(self.mixing.sources)
        return tuple(self.merging.sources.values()) if self.merging else ()

    @property
    def measures_unseen(self) -> bool:
        """Whether it is measured on tasks that no arm trains."""
        return not self.task and not self.part

    @property
    def label(self) -> str:
        """Such as "single/repair, seed 1"."""
        return "/".join(filter(None, (self.arm, self.task, self.part))) + f", seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Outline:
    """What the runs of one arm have in common.

    Attributes:
        recipe: on all tasks that are trained, still without loss, seed and folder.
        tasks: names of these.
        budgets: of runs on one task alone, by task, where the arm has such.
        amounts: what a run on all tasks trains on, where the arm looks for other proportions.
    """

    recipe: Recipe
    loss: Choice
    tasks: tuple[str, ...]
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    amounts: Amounts | None = None


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


def refuse_no_comparison(folder: Path) -> None:
    """A comparison goes on in its own folder, and begins in a new or empty one.

    Raises:
        UsageError: `folder` holds something else.
    """
    if not (folder / BASE / run_files.RECIPE).is_file():
        refuse_others_files(folder, "comparison")
