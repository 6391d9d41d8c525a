"""Who helps whom over the seeds of each arm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.made_up_affinities import log_affinities
from mft_core.comparison.affinity import MOST_IN_HEAT_MAP, affinity_section, gather_affinity, shown_arm, standing_out
from mft_core.comparison.arms import ArmRun
from mft_core.recipe.schema import Recipe

TASKS = ("sql", "repair", "a|b")


def runs_in(folder: Path) -> list[ArmRun]:
    """Two seeds of an arm on all tasks, one of another that did not measure, and one of a task alone."""
    named = [("mixed", "", 0), ("mixed", "", 1), ("famo", "", 0), ("single", "sql", 0)]
    return [
        ArmRun(arm, task, seed, Recipe().having("output", dir=str(folder / f"{arm}-{seed}")))
        for arm, task, seed in named
    ]


@pytest.fixture
def runs(tmp_path: Path) -> list[ArmRun]:
    runs = runs_in(tmp_path)
    for run in runs:
        run.folder.mkdir()
    for run in runs[:2]:
        log_affinities(run.folder, TASKS)
    return runs


def test_the_measurements_of_all_seeds_count_together(runs: list[ArmRun]) -> None:
    found = gather_affinity(runs)
    assert list(found) == ["mixed"]
    assert found["mixed"]["steps"] == [10, 20, 30, 40, 50, 60] * 2
    assert all(str(runs[0].folder) in command for command in found["mixed"]["commands"])


def test_the_page_has_a_table_and_the_words(runs: list[ArmRun]) -> None:
    found = gather_affinity(runs)
    lines = list(affinity_section(found, "mixed"))
    assert lines[0] == "\n## Who helps whom, in the runs of mixed\n"
    assert "| a step on | sql | repair | a\\|b |" in lines
    (row,) = [line for line in lines if line.startswith("| sql |")]
    assert row.count("%]") == 3
    assert any(line.startswith("- sql helps a\\|b") for line in lines)
    assert list(affinity_section({}, "mixed")) == []


def test_of_many_tasks_the_page_has_the_words_only(tmp_path: Path) -> None:
    (run, *_) = runs_in(tmp_path)
    run.folder.mkdir()
    log_affinities(run.folder, [f"t{number}" for number in range(25)], look_ahead=False)
    lines = list(affinity_section(gather_affinity([run]), "mixed"))
    assert not any(line.startswith("| a step on") for line in lines)
    assert any("helps" in line for line in lines)


def test_the_reference_is_shown_where_it_measured() -> None:
    assert shown_arm({"famo": {}, "mixed": {}}, "mixed") == "mixed"
    assert shown_arm({"famo": {}}, "mixed") == "famo"


def test_of_very_many_tasks_those_that_stand_out_are_shown_in_order() -> None:
    matrix = np.full((100, 100), 0.01)
    matrix[7, 93] = -0.8
    matrix[50] = np.nan
    chosen = standing_out(matrix)
    assert len(chosen) == MOST_IN_HEAT_MAP
    assert {7, 93} <= set(chosen)
    assert chosen == sorted(chosen)
