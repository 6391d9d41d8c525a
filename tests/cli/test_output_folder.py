"""Where results go: never among the user's files, and nowhere where a start failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import mft, write_rows, write_tasks

FILES = ("", "/train.jsonl", "/valid.jsonl")
SMALL = ("--model", "llama", "--set", "model.dtype=float32", "--set", "data.max_length=128", "--steps", "1")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tasks in `tasks`, a recipe beside them, and a folder with somebody's file."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    write_tasks(tmp_path / "tasks", {"add": 8, "copy": 8})
    (tmp_path / "stray").mkdir()
    (tmp_path / "stray" / "notes.txt").touch()
    (tmp_path / "recipe.toml").write_text('[model]\nadapter = "llama"\n[data]\npath = "tasks"\n')
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("command", ["run", "compare", "prepare"])
@pytest.mark.parametrize("output", ["tasks", "tasks/out", "tasks/add", "stray", "."])
def test_results_are_mixed_with_nobodys_files(
    command: str, output: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = names(place)
    assert mft(command, *SMALL, "--data", "tasks", "--output", output) == 2
    said = capsys.readouterr().err
    assert "data folder" in said or "not empty" in said or "something already" in said
    assert names(place) == before


def test_a_dry_run_says_so_too_and_so_does_a_check_of_a_recipe_that_names_the_folder(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mft("run", "recipe.toml", "--dry-run", "--output", "stray") == 2
    assert "stray is not empty, and holds no run: notes.txt" in capsys.readouterr().err
    assert mft("check", "recipe.toml", "--set", "output.dir=tasks/out") == 2
    assert "lies in the data folder" in capsys.readouterr().err


def test_the_usual_folder_may_lie_among_the_data_too(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place / "tasks")
    assert mft("run", *SMALL, "--data", ".") == 2
    assert "--output outside of the data" in capsys.readouterr().err
    assert names(place / "tasks") == [f"{task}{file}" for task in ("add", "copy") for file in FILES]


@pytest.mark.parametrize("resume", ["nosuch", "stray", "tasks"])
def test_only_a_run_is_resumed(resume: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = names(place)
    assert mft("run", "--resume", "--output", resume) == 2
    assert f"there is no run in {resume}" in capsys.readouterr().err
    assert mft("run", "recipe.toml", "--resume") == 2
    assert "no run to resume under runs/" in capsys.readouterr().err
    assert names(place) == before


@pytest.mark.slow
def test_a_start_that_fails_leaves_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(place / "bad.jsonl", [{"nothing": 1}] * 8)
    for failing in (["--base", "nobody/nothing", "--data", "tasks"], ["--task", "bad=bad.jsonl"]):
        before = names(place)
        assert mft("run", "--model", "llama", *failing) == 1
        assert mft("run", "--model", "llama", *failing, "--output", "runs/mine") == 1
        assert names(place) == before
        capsys.readouterr()
        assert mft("run", "--resume") == 2
        assert "no run to resume under runs/" in capsys.readouterr().err
