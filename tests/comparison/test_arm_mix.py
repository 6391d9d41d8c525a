"""The arm "mix": its small runs, and repetitions in a recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mft_core.comparison.arm import parse_arms
from mft_core.comparison.arm_mix import Mix, with_repeats
from mft_core.comparison.arms import Outline, Request
from mft_core.comparison.small_runs import Amounts
from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import Recipe, TaskSection

AMOUNTS = Amounts(("add", "sort"), np.array([300.0, 100.0]), np.array([1.0, 0.5]), np.array([1.0, 2.0]), 2.0, 200)


def test_small_runs_come_before_the_one_they_are_for_and_share_a_budget(tmp_path: Path) -> None:
    (arm,) = parse_arms("mix factor=2")
    request = Request(Recipe().having("train", stop="paper", eval_every=7), (arm,), 1, (), {}, tmp_path)
    outline = Outline(request.recipe, Choice(name="mixed"), AMOUNTS.tasks, amounts=AMOUNTS)
    *small, last = Mix().runs(request, arm, outline, 0)
    assert [run.part for run in small] == [f"small-{number}" for number in range(7)]
    assert last.needs == tuple(run.folder for run in small)
    assert small[3].label == "mix factor=2/small-3, seed 0"
    assert sum(run.recipe.train.steps for run in small) == pytest.approx(AMOUNTS.steps, abs=3)
    assert {(run.recipe.train.stop, run.recipe.train.eval_every) for run in small} == {("none", 0)}
    assert (last.recipe, last.measures_unseen) == (
        request.recipe.having("train", seed=0)
        .having("output", dir=str(last.folder))
        .model_copy(update={"loss": outline.loss}),
        True,
    )
    assert not any(run.measures_unseen for run in small)
    assert len({run.folder for run in (*small, last)}) == 8


def test_repetitions_go_to_the_entries_of_their_tasks_or_to_new_ones() -> None:
    own = TaskSection(name="sort", train="sort.jsonl", repeat=0.5, columns={"prompt": "a"})
    recipe = Recipe().having("data", tasks=[own])
    changed = with_repeats(recipe, AMOUNTS, (2.0, 0.25)).data.tasks
    assert changed[0] == own.model_copy(update={"repeat": 0.25})
    assert (changed[1].name, changed[1].repeat, changed[1].train) == ("add", 2.0, "")
    assert with_repeats(recipe, AMOUNTS, (1.0, 0.5)) == recipe
    parts = own.model_copy(update={"name": "both", "task_field": "channel"})
    by_field = with_repeats(Recipe().having("data", tasks=[parts]), AMOUNTS, (1.0, 0.25)).data.tasks
    assert by_field[0] == parts
    assert (by_field[1].name, by_field[1].repeat, by_field[1].weight) == ("sort", 0.25, 2.0)
