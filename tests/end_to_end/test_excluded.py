"""`loss.exclude = "overfit"` and `train.max_forgetting` as a user meets them: progress, result, report, resume."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers.running import REPORT, WORDS, arguments, events, largest_difference, mft, settings, weights, write_rows
from helpers.running import write_tasks as write_usual_tasks

KEYS = (
    "model.dtype=float64", "tune.dropout=0", "tune.rank=4", "train.learning_rate=0.02", "train.schedule=constant",
    "train.eval_every=2", "train.save_every=0", "loss.exclude=overfit", "train.max_forgetting=0.05",
)  # fmt: skip
WATCH = ("data.tasks=[{name = 'reverse', role = 'watch'}]",)


def write_tasks(folder: Path) -> Path:
    """Usual ones, and one of three records whose answers follow from nothing."""
    write_usual_tasks(folder, {"add": 24, "copy": 12, "reverse": 9})
    generator = np.random.default_rng(1)
    (folder / "noise").mkdir()
    for name, count in (("train", 3), ("valid", 12)):
        rows = [{"prompt": f"say {i}", "response": " ".join(generator.choice(WORDS, 6))} for i in range(count)]
        write_rows(folder / "noise" / f"{name}.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("excluded")


@pytest.fixture(scope="module")
def command(place: Path) -> list[str]:
    data = write_tasks(place / "data")
    return arguments(data, place / "run", "--steps", "14", *settings(*KEYS, *WATCH), *REPORT)


@pytest.fixture(scope="module")
def said(place: Path, command: list[str]) -> str:
    """What the run says; it lies in `place / "run"`."""
    import contextlib
    import io

    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        assert mft(*command) == 0
    return " ".join(stream.getvalue().split())


def test_progress_result_page_and_card_say_who_left_and_what_was_lost(place: Path, said: str, capsys) -> None:
    run = place / "run"
    decisions = events(run, "decision")
    assert decisions[0]["left_out"] == ["noise"]
    left = "'noise' leaves the mixture (weight 0 from here on), still trained: 'add', 'copy'."
    words = f"{left} Back from step {decisions[0]['from_step']}"
    assert said.count(words) == 2, "while it goes, and at its end"
    assert "forgetting" in said
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Decisions of the loss" in page
    assert "What the base could and this model cannot" in page
    assert "## What the base could" in (run / "final" / "README.md").read_text(encoding="utf-8")
    capsys.readouterr()
    assert mft("report", str(run), "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [entry["step"] for entry in shown["decisions"]] == [event["step"] for event in decisions]
    first, last = events(run, "eval")[0], events(run, "eval")[-1]
    (lost,) = shown["forgetting"]
    assert (lost["task"], lost["before"]) == ("reverse", first["watched"]["reverse"]["loss"])
    assert lost["after"] == last["watched"]["reverse"]["loss"]
    assert shown["forgotten"] == (["reverse"] if lost["change"] > 0.05 else [])
    assert ("beyond train.max_forgetting (5.0%): reverse +" in said) == bool(shown["forgotten"])


def test_it_goes_on_from_a_checkpoint_of_its_new_course(place: Path, said: str, command: list[str], tmp_path) -> None:
    run, other = place / "run", tmp_path / "run"
    shutil.copytree(run, other)
    decided = events(run, "decision")
    for folder in (other / "checkpoints").iterdir():
        if int(folder.name.removeprefix("step-")) > decided[0]["step"]:
            shutil.rmtree(folder)
    shutil.rmtree(other / "final")
    assert mft("run", "--resume", "--output", str(other), *settings("train.callbacks=[]")) == 0
    assert largest_difference(weights(run), weights(other)) == 0
    assert events(other, "decision") == decided


def test_a_bound_that_stops_is_another_run_but_a_warning_is_not(place: Path, said: str, tmp_path, capsys) -> None:
    run = tmp_path / "run"
    resume = ("run", "--resume", "--output", str(run))
    shutil.copytree(place / "run", run)
    assert mft(*resume, *settings("train.max_forgetting=0.5", "train.callbacks=[]")) == 0
    assert mft(*resume, *settings("train.eval_every=3")) == 2
    assert "train.eval_every" in capsys.readouterr().err
    assert mft(*resume, *settings("train.on_forgetting=stop")) == 2
    assert "train.on_forgetting" in capsys.readouterr().err
