"""Evaluators in a training: when they measure, and that measuring changes no weight."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import arguments, events, largest_difference, mft, weights, with_recipe, write_tasks

pytestmark = pytest.mark.slow


def test_a_run_measures_every_so_often_and_at_its_end(evaluated_run: tuple[Path, Path]) -> None:
    scores = events(evaluated_run[0], "score")
    assert [event["step"] for event in scores if event["task"] == "code-bleu-like"] == [2, 4, 5]
    by_task = {event["task"]: event["value"] for event in scores if event["metric"] == "loss"}
    last = events(evaluated_run[0], "eval")[-1]
    assert by_task == {name: pytest.approx(task["loss"], rel=1e-6) for name, task in last["tasks"].items()}
    assert (evaluated_run[0] / "evaluations" / "step-000002" / "code-bleu-like" / "samples.jsonl").exists()
    assert (evaluated_run[0] / "evaluations" / "final" / "code-bleu-like" / "scores.json").exists()


def test_measuring_changes_no_weight(evaluated_run: tuple[Path, Path]) -> None:
    assert largest_difference(*map(weights, evaluated_run)) == 0.0


def test_a_run_fails_before_training_where_a_set_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[[eval]]\nname = "humaneval"\ndata = "nowhere.jsonl"\n')
    data = write_tasks(tmp_path / "data")
    assert mft(*with_recipe(arguments(data, tmp_path / "run", "--steps", "1"), recipe)) == 2
    assert f"eval.humaneval.data: there is no {tmp_path / 'nowhere.jsonl'}" in " ".join(capsys.readouterr().err.split())
