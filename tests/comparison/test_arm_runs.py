"""Arms turned into runs."""

from __future__ import annotations

from pathlib import Path

from mft_core.comparison.arm import parse_arms
from mft_core.comparison.arm_runs import base_run, make_runs
from mft_core.comparison.arms import Outline, Request
from mft_core.comparison.budgets import Budget
from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import Recipe


def test_what_is_combined_comes_after_what_it_is_made_of_within_each_seed(tmp_path: Path) -> None:
    arms = tuple(parse_arms("merged,single,mixed,merged tune.rank=4,single tune.rank=4"))
    request = Request(Recipe(), arms, 2, (), {}, tmp_path)
    budgets = {"add": Budget(2.0, 5), "sort": Budget(1.0, 3)}
    outline = Outline(Recipe(), Choice(name="balanced"), tuple(budgets), budgets)
    runs = make_runs(request, {arm.label: outline for arm in arms})
    assert [run.label for run in runs[:7]] == [
        *("single/add, seed 0", "single/sort, seed 0", "mixed, seed 0"),
        *("single tune.rank=4/add, seed 0", "single tune.rank=4/sort, seed 0"),
        *("merged, seed 0", "merged tune.rank=4, seed 0"),
    ]
    assert {run.seed for run in runs[7:]} == {1}
    assert runs[5].needs == (tmp_path / "single" / "add" / "seed-0", tmp_path / "single" / "sort" / "seed-0")
    assert all(folder.is_relative_to(tmp_path / "single+tune.rank=4") for folder in runs[6].needs)
    assert all(not run.needs for run in runs if not run.arm.startswith("merged"))
    assert len({run.folder for run in runs}) == len(runs)
    assert runs[0].recipe.train.epochs == 2.0


def test_the_base_has_a_folder_beside_the_arms_and_all_tasks(tmp_path: Path) -> None:
    run = base_run(Request(Recipe(), (), 1, (), {}, tmp_path), Recipe().having("data", include=["add", "sort"]))
    assert (run.arm, run.folder, run.recipe.data.include) == ("base", tmp_path / "base", ["add", "sort"])
