"""The arm "single": a model for each task, which learns it alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.comparison.arm import Arm
from mft_core.comparison.arm_kind import ArmKind, run_recipe
from mft_core.comparison.arms import ArmRun, Outline, Request
from mft_core.comparison.budgets import single_budgets
from mft_core.recipe.choices import LOSS, Choice

if TYPE_CHECKING:
    from mft_core.run.plan import Plan


class Single(ArmKind):
    """Alone, a task has all the weight under any loss; these take the default one."""

    loss = LOSS
    learns_several = False

    def outline(self, plan: Plan, loss: Choice) -> Outline:
        """With the budget of each task."""
        return replace(super().outline(plan, loss), budgets=single_budgets(plan))

    def runs(self, request: Request, arm: Arm, outline: Outline, seed: int) -> Iterator[ArmRun]:
        """One for each task."""
        for task, budget in outline.budgets.items():
            fields = {"steps": 0, "epochs": budget.epochs, "eval_every": budget.eval_every}
            alone = outline.recipe.having("data", include=[task]).having("output", affinity=False)
            folder = single_folder(request, arm, task, seed)
            yield ArmRun(arm.label, task, seed, run_recipe(alone, outline.loss, folder, seed=seed, **fields))


def single_folder(request: Request, arm: Arm, task: str, seed: int) -> Path:
    """The run folder of a task's own model."""
    return request.output / arm.folder / task / f"seed-{seed}"
