"""Tasks named in any script, by folders in one form of Unicode and recipes in the other, through everything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from helpers.readers import READERS
from helpers.running import REPORT, arguments, events, mft, settings, write_tasks
from mft_core.data.task_files import record_files

STORED, NAME = "cafe\u0301", "caf\u00e9"
HINDI = "हिन्दी"
NAMES = sorted([NAME, HINDI, "add"])
SHORT = ("--steps", "2", *settings("train.eval_every=1", "train.save_every=1"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders as macOS writes them, on a file system that leaves names as they are."""
    folder = write_tasks(tmp_path_factory.mktemp("place") / "donne\u0301es", {STORED: 12, HINDI: 8, "add": 8})
    if STORED not in {path.name for path in folder.iterdir()}:
        pytest.skip("this file system changes the form of names")
    return folder


def typed(data: Path) -> Path:
    """The path as it is typed: the folder has another form."""
    return data.with_name("donn\u00e9es")


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    chosen = settings(f'data.include=["{STORED}", "{HINDI}"]')
    assert mft(*arguments(typed(data), folder, *SHORT, *REPORT, *chosen)) == 0
    return folder


def test_a_run_writes_composed_names(run: Path) -> None:
    start, last = events(run, "start")[0], events(run, "eval")[-1]
    assert sorted(last["tasks"]) == sorted([NAME, HINDI])
    assert STORED not in json.dumps(start["tasks"], ensure_ascii=False)
    assert all(STORED not in (run / name).read_text(encoding="utf-8") for name in ("recipe.toml", "report.html"))
    assert NAME in (run / "report.html").read_text(encoding="utf-8")


def test_a_run_goes_on_and_is_measured(run: Path, data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    again = ("run", "--resume", "--output", str(copy), "--steps", "3", *settings(f'data.include=["{NAME}", "{HINDI}"]'))
    assert mft(*again) == 0
    assert events(copy, "eval")[-1]["step"] == 3
    assert mft("eval", str(copy), "--on", "loss", "--data", str(typed(data)), "--output", str(tmp_path / "scores")) == 0
    results = json.loads((tmp_path / "scores" / "results.json").read_text(encoding="utf-8"))["results"]
    assert {row["set"] for row in results} >= {NAME, HINDI, "add"}


def test_prepared_data_and_tasks_by_their_files(data: Path, tmp_path: Path) -> None:
    flags = ("--model", "llama", "--task", f"{NAME}={typed(data) / NAME}", "--task", f"{HINDI}={data / HINDI}")
    assert (
        mft(
            "prepare",
            *flags,
            *settings("data.max_length=128", "model.dtype=float32"),
            "--output",
            str(tmp_path / "made"),
        )
        == 0
    )
    described = json.loads((tmp_path / "made" / "prepared.json").read_text(encoding="utf-8"))["tasks"]
    assert [task["name"] for task in described] == [NAME, HINDI]
    assert all(Path(path).is_file() for task in described for path in task["train"]["paths"])
    include = settings(f'data.include=["{STORED}"]')
    assert mft("run", str(tmp_path / "made" / "recipe.toml"), *SHORT, *include, "--output", str(tmp_path / "run")) == 0
    assert list(events(tmp_path / "run", "eval")[-1]["tasks"]) == [NAME]


def test_an_unseen_task_is_found_in_either_form(data: Path, tmp_path: Path) -> None:
    flags = arguments(typed(data), tmp_path / "compared", *SHORT)[1:]
    assert mft("compare", *flags, "--arms", "mixed", "--seeds", "1", "--unseen", STORED) == 0
    found = json.loads((tmp_path / "compared" / "compare.json").read_text(encoding="utf-8"))
    assert {task["name"]: task["unseen"] for task in found["tasks"]} == {NAME: True, HINDI: False, "add": False}


def test_two_folders_that_look_the_same_are_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "data")
    shutil.copytree(data / STORED, tmp_path / "data" / NAME)
    assert len(record_files(tmp_path / "data" / NAME, READERS)) == 2
    assert mft("check", "--model", "llama", "--data", str(tmp_path / "data")) == 2
    message = capsys.readouterr().err
    assert r"caf\xe9/train.jsonl'" in message
    assert r"cafe\u0301/train.jsonl'" in message
    assert "Traceback" not in message
