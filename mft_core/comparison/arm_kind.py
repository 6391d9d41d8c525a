"""What an arm is: a loss that all tasks are trained with, or one of the kinds of `mft_core.comparison.arm_kinds`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from mft_core.comparison.arm import Arm
from mft_core.comparison.arms import ArmRun, Outline, Request, refuse_unknown_options
from mft_core.data.tasks import TaskSet
from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import Recipe
from mft_core.registry.options import Options, options_error

if TYPE_CHECKING:
    from mft_core.run.plan import Plan
    from mft_core.tuning.tuner import Tuner

SomeOptions = TypeVar("SomeOptions", bound=Options)


class ArmKind:
    """Arms that are called by a loss.

    Attributes:
        loss: that its runs are trained with; "": the one that it is called by.
        has_own_options: what stands in an arm without a section is the arm's own, not its loss's.
        learns_several: it has models that learn all tasks, which can be measured on others.
        comes_last: its runs need those of other arms.
    """

    loss = ""
    has_own_options = False
    learns_several = True
    comes_last = False

    def check(self, arm: Arm, arms: Sequence[Arm], recipe: Recipe, tuner: Tuner) -> None:
        """Refuse what can be seen to be wrong before anything slow is imported.

        Args:
            arms: all of the comparison.
            recipe: the arm's.
            tuner: that it names.

        Raises:
            UsageError: an option or a key that does not suit the kind, or what it needs is not there.
        """

    def check_tasks(self, arm: Arm, tasks: TaskSet) -> None:
        """Refuse tasks that the kind can do nothing with.

        Raises:
            UsageError: there are such.
        """

    def outline(self, plan: Plan, loss: Choice) -> Outline:
        """What the arm's runs have in common, from the plan of one on all tasks."""
        return Outline(plan.recipe, loss, plan.task_set.names)

    def runs(self, request: Request, arm: Arm, outline: Outline, seed: int) -> Iterator[ArmRun]:
        """Those of one seed, each after all that it needs.

        Raises:
            UsageError: one would be too short.
        """
        yield ArmRun(arm.label, "", seed, on_all_tasks(request, arm, outline, seed))

    def remark(self, arm: Arm, arms: Sequence[Arm]) -> str:
        """What a reader must know of the arm to judge its numbers; "": nothing."""
        return ""


def on_all_tasks(request: Request, arm: Arm, outline: Outline, seed: int) -> Recipe:
    """The recipe of a run on all tasks, in the folder that is the arm's own."""
    return run_recipe(outline.recipe, outline.loss, request.output / arm.folder / f"seed-{seed}", seed=seed)


def run_recipe(recipe: Recipe, loss: Choice, folder: Path, **train: Any) -> Recipe:
    """A recipe with the loss and the folder of one run, and what it has of its own in [train]."""
    return recipe.having("train", **train).having("output", dir=str(folder)).model_copy(update={"loss": loss})


def own_options(arm: Arm, kind: type[SomeOptions]) -> SomeOptions:
    """An arm's options as those of a kind.

    Raises:
        UsageError: an unknown option or wrong value.
    """
    fields = kind.model_fields
    refuse_unknown_options(arm, arm.options, fields)
    try:
        return kind.model_validate(arm.options)
    except ValidationError as error:
        raise options_error(error, f"arm {arm.label!r}", "", list(fields)) from None
