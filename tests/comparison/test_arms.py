"""Arms turned into runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.comparison.arm import Arm, parse_arms
from mft_core.comparison.arms import Outline, Request, check_arms, make_runs, partner_of
from mft_core.comparison.budgets import Budget
from mft_core.errors import UsageError
from mft_core.recipe.schema import Choice, Recipe
from mft_core.registry.catalog import Catalog
from mft_core.tuning.combining import MergeOptions


def test_what_is_combined_comes_after_what_it_is_made_of_within_each_seed(tmp_path: Path) -> None:
    arms = tuple(parse_arms("merged,single,mixed,merged tune.rank=4,single tune.rank=4"))
    request = Request(Recipe(), arms, 2, (), {}, tmp_path)
    outline = Outline(Recipe(), Choice(name="balanced"), {"add": Budget(2.0, 5), "sort": Budget(1.0, 3)})
    options = {arm.label: MergeOptions() for arm in arms if arm.name == "merged"}
    runs = make_runs(request, {arm.label: outline for arm in arms}, options)
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


def test_merged_needs_the_single_arm_of_the_same_recipe() -> None:
    arms = parse_arms("single,merged method=ties,merged tune.rank=4")
    assert partner_of(arms[1], arms) == Arm("single", {})
    with pytest.raises(UsageError, match=r"adapters of the arm 'single tune\.rank=4', which is not compared") as caught:
        partner_of(arms[2], arms)
    assert '--arms "single tune.rank=4,single,merged method=ties,merged tune.rank=4"' in caught.value.hint


def test_an_arm_that_is_neither_is_refused(catalog: Catalog) -> None:
    arms = parse_arms("single,merged,famo every=3")
    assert check_arms(arms, catalog) == tuple(arms)
    with pytest.raises(UsageError, match="'meged' is neither") as caught:
        check_arms(parse_arms("single,meged"), catalog)
    assert "'merged'" in caught.value.hint
