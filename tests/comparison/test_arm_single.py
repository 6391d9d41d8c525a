"""The arm "single": a run for each task, with its budget."""

from __future__ import annotations

from pathlib import Path

from mft_core.comparison.arm import Arm
from mft_core.comparison.arm_single import Single
from mft_core.comparison.arms import Outline, Request
from mft_core.comparison.budgets import Budget
from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import Recipe


def test_each_task_is_learned_alone_as_long_as_among_the_others(tmp_path: Path) -> None:
    recipe = Recipe().having("train", steps=9, eval_every=7).having("output", affinity=True)
    arm, budgets = Arm("single", {}), {"add": Budget(2.0, 5), "sort": Budget(0.5, 3)}
    request = Request(recipe, (arm,), 1, (), {}, tmp_path)
    outline = Outline(recipe, Choice(name="balanced"), tuple(budgets), budgets)
    runs = list(Single().runs(request, arm, outline, 3))
    assert [run.task for run in runs] == ["add", "sort"]
    for run, budget in zip(runs, budgets.values(), strict=True):
        train = run.recipe.train
        assert (train.steps, train.epochs, train.eval_every, train.seed) == (0, budget.epochs, budget.eval_every, 3)
        assert run.recipe.data.include == [run.task]
        assert run.folder == tmp_path / "single" / run.task / "seed-3"
        assert not (run.recipe.output.affinity)
        assert not (run.measures_unseen)
