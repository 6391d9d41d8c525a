"""Killed, stopped and continued runs end with the weights of an uninterrupted one, bit by bit."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from helpers.finished_runs import interrupted
from helpers.running import arguments, events, largest_difference, mft, settings, start_mft, wait_for_step, weights
from mft_core.recipe.loading import load_recipe
from mft_core.run.results import read_run_facts

STEPS = "12"
MORE = ("--loss", "famo", "--steps", STEPS, "--set", "train.save_every=2", "--set", "loss.rotate_every=3")


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert mft(*arguments(data, run, *MORE)) == 0
    return run


def stopped(data: Path, run: Path, number: signal.Signals) -> int:
    """Start a run, send it a signal when it has logged some steps; returns the exit code."""
    process = start_mft(arguments(data, run, *MORE))
    wait_for_step(process, run, 5)
    os.kill(process.pid, number)
    process.communicate()
    return process.returncode


def test_kill_9_then_resume_gives_identical_weights_and_log(data, uninterrupted, tmp_path) -> None:
    run = tmp_path / "run"
    assert stopped(data, run, signal.SIGKILL) == -signal.SIGKILL
    assert not (run / "final").exists()
    assert mft(*arguments(data, run, *MORE, "--resume")) == 0
    assert largest_difference(weights(run), weights(uninterrupted)) == 0
    for name in ("train", "eval"):
        found, expected = events(run, name), events(uninterrupted, name)
        assert [(event["step"], event["loss"], event["tasks"]) for event in found] == [
            (event["step"], event["loss"], event["tasks"]) for event in expected
        ]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_ends_with_its_code_and_resume_goes_on(data, uninterrupted, tmp_path, number, code) -> None:
    run = tmp_path / "run"
    assert stopped(data, run, number) == code
    (end,) = events(run, "end")
    assert end["reason"] == "interrupted"
    assert read_run_facts(run).ending == "interrupted; can be resumed"
    assert (run / "checkpoints" / f"step-{end['step']:06d}").is_dir()
    assert mft("run", "--resume", "--output", str(run)) == 0
    assert largest_difference(weights(run), weights(uninterrupted)) == 0


def test_a_damaged_checkpoint_falls_back_to_the_one_before(data, uninterrupted, tmp_path) -> None:
    run = interrupted(uninterrupted, tmp_path / "run")
    newest = max((run / "checkpoints").glob("step-*"))
    (newest / "model.safetensors").write_bytes(b"cut short")
    assert mft(*arguments(data, run, *MORE, "--resume")) == 0
    assert largest_difference(weights(run), weights(uninterrupted)) == 0


def test_a_changed_recipe_is_refused_with_its_differences_unless_forced(data, uninterrupted, capsys) -> None:
    changed = arguments(data, uninterrupted, *MORE, "--set", "train.seed=9", "--resume")
    assert mft(*changed) == 2
    assert "train.seed: 0 -> 9" in capsys.readouterr().err
    assert mft(*changed, "--force") == 0
    assert "train.seed: 0 -> 9" in capsys.readouterr().err


def test_a_folder_with_a_run_is_not_overwritten(data, uninterrupted, capsys) -> None:
    before = (uninterrupted / "metrics.jsonl").read_bytes()
    assert mft(*arguments(data, uninterrupted, *MORE)) == 2
    assert "--resume" in capsys.readouterr().err
    assert (uninterrupted / "metrics.jsonl").read_bytes() == before


def test_a_second_run_in_one_folder_fails_at_once(data, tmp_path, capsys) -> None:
    run = tmp_path / "run"
    process = start_mft(arguments(data, run, *MORE))
    wait_for_step(process, run, 1)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        assert mft(*arguments(data, run, *MORE, "--resume")) == 1
        assert "another run" in capsys.readouterr().err
    finally:
        os.kill(process.pid, signal.SIGKILL)
        os.kill(process.pid, signal.SIGCONT)
        process.communicate()


def test_nothing_to_resume_is_wrong_use(data, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert mft("run", "--resume") == 2
    assert mft(*arguments(data, tmp_path / "none", "--resume")) == 2
    assert "--resume" in capsys.readouterr().err


def test_a_finished_run_is_extended_by_its_own_recipe(data, tmp_path, capsys) -> None:
    run, more = tmp_path / "run", settings("train.seed=5", "train.eval_every=2")
    assert mft(*arguments(data, run, "--loss", "famo", "--steps", "3", *more)) == 0
    capsys.readouterr()
    assert mft("run", "--resume", "--output", str(run), "--steps", "5") == 0
    shown = capsys.readouterr()
    assert "train.steps: 3 -> 5" in shown.err
    assert "resumed at step 3 of 5" in shown.out
    assert "finished; 5 of 5 steps" in shown.out
    assert [event["step"] for event in events(run, "train")] == [1, 2, 3, 4, 5]
    recipe = load_recipe(run / "recipe.toml")
    assert (recipe.train.seed, recipe.train.steps, recipe.loss.name, recipe.data.path) == (5, 5, "famo", str(data))
    facts = read_run_facts(run)
    assert (facts.step, facts.steps, facts.reason) == (5, 5, "done")
    assert mft("run", "--resume", "--output", str(run), "--steps", "4") == 2
    assert "train.steps: 5 -> 4" in capsys.readouterr().err


@pytest.mark.parametrize("left", [None, b""], ids=["gone", "empty"])
def test_a_lost_log_is_told_and_the_run_goes_on(data, tmp_path, capsys, left) -> None:
    run = tmp_path / "run"
    assert mft(*arguments(data, run, "--steps", "2")) == 0
    log = run / "metrics.jsonl"
    log.unlink()
    if left is not None:
        log.write_bytes(left)
    capsys.readouterr()
    assert mft("run", "--resume", "--output", str(run), "--steps", "4") == 0
    assert "metrics.jsonl lacks what was logged before" in " ".join("".join(capsys.readouterr()).split())
    assert [event["step"] for event in events(run, "train")] == [3, 4]
    assert mft("report", str(run)) == 0


def test_a_run_with_a_lost_record_of_its_base_says_so(data, uninterrupted, tmp_path, capsys) -> None:
    run = shutil.copytree(uninterrupted, tmp_path / "run")
    (run / "components.json").write_text("{")
    assert mft("run", "--resume", "--output", str(run)) == 1
    assert "components.json is missing or damaged" in " ".join(capsys.readouterr().err.split())
