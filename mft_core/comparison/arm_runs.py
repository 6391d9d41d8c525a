"""Every run of a comparison, arm by arm and seed by seed."""

from __future__ import annotations

from collections.abc import Mapping

from mft_core.comparison.arm import BASE
from mft_core.comparison.arm_kind import run_recipe
from mft_core.comparison.arm_kinds import kind_of
from mft_core.comparison.arms import ArmRun, Outline, Request
from mft_core.recipe.choices import LOSS, Choice
from mft_core.recipe.schema import Recipe


def make_runs(request: Request, outlines: Mapping[str, Outline]) -> list[ArmRun]:
    """Every run of the comparison; seed by seed, so that what is there after an interruption is balanced.

    Within a seed, what needs runs of other arms comes after all of these.

    Args:
        outlines: by arm.

    Raises:
        UsageError: a run would be too short.
    """
    ordered = sorted(request.arms, key=lambda arm: kind_of(arm).comes_last)
    return [
        run
        for seed in range(request.seeds)
        for arm in ordered
        for run in kind_of(arm).runs(request, arm, outlines[arm.label], seed)
    ]


def base_run(request: Request, common: Recipe) -> ArmRun:
    """Stands for the model before training: all tasks, nothing trained."""
    return ArmRun(BASE, "", 0, run_recipe(common, Choice(name=LOSS), request.output / BASE, seed=0))
