"""Who helps whom, in words, and the commands that test it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from helpers.made_up_affinities import made_up_course
from helpers.running import write_tasks
from mft_cli.app import run_command_line
from mft_core.objective.affinity_summary import Affinity, summarised
from mft_core.run.affinity_words import affinity_as_json, affinity_lines, commands_to_test, conflict_warning

TRAINED = {"event": "train", "step": 40, "steps": 60, "epoch": 2.0}


def found(*tasks: str, **more) -> Affinity:
    return summarised(made_up_course(tasks, **more))


def test_helpers_conflicts_and_groups_are_said_with_names_and_intervals() -> None:
    text = "\n".join(affinity_lines(found("sql", "修复", "code", "docs")))
    assert "measured 6 times, 2 training and validation samples a task each time" in text
    assert "sql helps code: what a step on it takes off the validation loss: 0.5" in text
    assert "sql hinders 修复: what a step on it adds to the validation loss: 0." in text
    assert "loss: -" not in text
    assert "is not shown to take anything off its own" not in text
    assert "4 pairs of tasks are in conflict" in text
    assert "groups worth a test: sql, code | 修复, docs; expected off a task's validation loss" in text


def test_where_a_task_s_own_steps_do_not_help_it_no_groups_are_recommended() -> None:
    course = made_up_course(("sql", "repair", "code", "docs"))
    course.gain[:, 1, 1] *= -1
    affinity = summarised(course)
    text = "\n".join(affinity_lines(affinity))
    assert "a step on repair is not shown to take anything off its own validation loss" in text
    assert "groups worth a test" not in text
    assert affinity.as_json()["unhelped"] == ["repair"]


def test_a_conflict_names_both() -> None:
    (pair,) = found("sql", "repair").conflicts
    assert conflict_warning([pair]).startswith("tasks in conflict: 'sql' and 'repair' (-0.4")


def test_of_many_tasks_a_few_are_named() -> None:
    many = found(*(f"task-{number}" for number in range(30)), look_ahead=False)
    lines = list(affinity_lines(many))
    assert max(map(len, lines)) < 600
    assert "and 5 more tasks" in lines[-1]
    assert "no trial steps were taken" in lines[-1]


def test_one_measurement_is_said_to_say_nothing() -> None:
    (line,) = affinity_lines(found("sql", "repair", measurements=1))
    assert "one measurement has no interval" in line


def test_each_group_makes_as_many_passes_as_the_run(tmp_path: Path) -> None:
    run = tmp_path / "my run"
    commands = [command for _, command in commands_to_test(found("sql", "it's", "code", "docs"), run, [TRAINED])]
    words = [shlex.split(command) for command in commands]
    assert [each[:3] for each in words] == [["mft", "run", str(run / "recipe.toml")]] * 2
    assert [each[each.index("--output") + 1] for each in words] == [f"{run}-group-1", f"{run}-group-2"]
    assert [each[-3:] for each in words] == [
        ['data.include=["sql", "code"]', "--epochs", "3"],
        ['data.include=["it\'s", "docs"]', "--epochs", "3"],
    ]


def test_the_commands_are_commands_of_mft(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a recipe whose length is given in steps, and that watches a task."""
    data = write_tasks(tmp_path / "data", dict.fromkeys(("add", "copy", "upper", "reverse"), 8))
    recipe = tmp_path / "run" / "recipe.toml"
    recipe.parent.mkdir()
    recipe.write_text(
        f'[data]\npath = "{data}"\ntasks = [{{name = "reverse", role = "watch"}}]\n'
        '[model]\nadapter = "llama"\ndtype = "float32"\n[train]\nsteps = 4\n'
    )
    start = {"event": "start", "watched": {"reverse": {}}}
    (_, command), _ = commands_to_test(found("add", "copy", "upper"), recipe.parent, [start, TRAINED])
    assert run_command_line([*shlex.split(command)[1:], "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [[task["name"] for task in plan[side]] for side in ("tasks", "watched")] == [["add", "upper"], ["reverse"]]


def test_where_all_belong_together_the_question_is_whether_they_pay(tmp_path: Path) -> None:
    one_camp = summarised(made_up_course(["a", "b", "c", "d"]))
    together = summarised(made_up_course(["a"] * 1))
    assert together.grouping is None
    assert commands_to_test(together, tmp_path, []) == []
    assert len(commands_to_test(one_camp, tmp_path, [])) == 2


def test_json_has_the_words_too(tmp_path: Path) -> None:
    affinity = found("sql", "repair")
    values = affinity_as_json(affinity, commands_to_test(affinity, tmp_path, []))
    assert values["words"] == list(affinity_lines(affinity))
    assert len(values["commands"]) == 2
