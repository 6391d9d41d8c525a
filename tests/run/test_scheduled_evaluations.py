"""Evaluators in a training: when they measure, and that measuring changes no weight."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import small_sets
from helpers.running import arguments, events, largest_difference, mft, weights, with_recipe, write_rows, write_tasks
from mft_core.events import EventLog
from mft_core.run.scheduled_evaluations import TrainingEvaluations
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table
from mft_core.training.callbacks import CallbackContext

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


def test_an_extended_run_is_measured_at_its_new_end_and_keeps_what_was_measured_at_the_old(tmp_path: Path) -> None:
    pairs = write_rows(tmp_path / "pairs.jsonl", small_sets.PAIRS)
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(f'[[eval]]\nname = "code-bleu-like"\ndata = "{pairs.name}"\nmax_new_tokens = 8\n')
    data = write_tasks(tmp_path / "data")
    assert mft(*with_recipe(arguments(data, run, "--steps", "2"), recipe)) == 0
    first = (run / "evaluations" / "final" / "code-bleu-like" / "samples.jsonl").read_bytes()
    assert mft("run", "--resume", "--output", str(run)) == 0  # nothing is left to do
    assert [event["step"] for event in events(run, "score")][-1] == 2
    assert mft("run", "--resume", "--output", str(run), "--steps", "3") == 0
    assert [event["step"] for event in events(run, "score")][-1] == 3
    measured = run / "evaluations"
    assert (measured / "step-000002" / "code-bleu-like" / "samples.jsonl").read_bytes() == first
    assert (measured / "final" / "code-bleu-like" / "samples.jsonl").exists()


def test_what_was_measured_of_models_that_are_given_up_is_forgotten(tmp_path: Path) -> None:
    # The answers that a folder holds are gone on with: those of another model of the same step must not be.
    log = EventLog(tmp_path)
    for name in ("step-000002", "step-000004", "step-1000000", "final"):
        (tmp_path / "evaluations" / name / "bleu").mkdir(parents=True)
    model = random_token_loss_model()
    evaluations = TrainingEvaluations.__new__(TrainingEvaluations)
    validation = evaluation_context(model, random_table([2]), ("a",))
    evaluations.context = CallbackContext(model.model, validation, log, 9)
    evaluations.going_back(2)
    assert {path.name for path in (tmp_path / "evaluations").iterdir()} == {"step-000002", "final"}
