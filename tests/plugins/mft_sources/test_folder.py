from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import make_files
from mft_core.data.task_files import check_names
from mft_core.errors import MftError, UsageError
from mft_core.interfaces import DataRequest
from mft_core.records import TaskFiles
from mft_sources.folder import Folder


def tasks(root: Path) -> list[TaskFiles]:
    return Folder().tasks(DataRequest(root, root / ".cache"))


def test_task_folders(tmp_path: Path) -> None:
    make_files(
        tmp_path, "b/train.jsonl", "b/valid.jsonl", "a/train.jsonl.gz", "_x/train.jsonl", ".y/train.jsonl", "README.md"
    )
    found = tasks(tmp_path)
    assert [task.name for task in found] == ["a", "b"]
    assert found[1].train == (tmp_path / "b/train.jsonl",)
    assert found[1].valid == (tmp_path / "b/valid.jsonl",)


def test_a_file_per_task(tmp_path: Path) -> None:
    found = tasks(make_files(tmp_path, "repair.jsonl", "comment.jsonl.gz", "unit_test.jsonl"))
    assert [(task.name, len(task.train), task.valid) for task in found] == [
        ("comment", 1, ()),
        ("repair", 1, ()),
        ("unit_test", 1, ()),
    ]


def test_one_task_alone(tmp_path: Path) -> None:
    (task,) = tasks(make_files(tmp_path / "repair", "train.jsonl", "valid.jsonl"))
    assert (task.name, len(task.train), len(task.valid)) == ("repair", 1, 1)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "no task"),
        (["README.md"], "no task"),
        (["a/notes.dat"], "a holds no file of records.\n  .*notes.dat: no kind of file that is read"),
        (["a/notes.dat", "b/valid.jsonl", "c/test.jsonl"], "(?s)a holds no .*b holds .*c holds validation or test"),
        (["a/valid.jsonl"], "no training data"),
        (["a.jsonl", "valid.jsonl"], "looks like validation"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, files: list[str], words: str) -> None:
    with pytest.raises(MftError, match=words):
        tasks(make_files(tmp_path, *files))


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (["recipe.toml", "metrics.jsonl", ".lock", "final/config.json"], "recipe.toml, metrics.jsonl, final"),
        (["checkpoints/step-5/x", "final/README.md"], "checkpoints, final"),
        (["quarantine.jsonl", "metrics.jsonl"], "metrics.jsonl, quarantine.jsonl"),
    ],
)
def test_the_files_of_a_run_among_the_tasks_are_told_in_one_line(tmp_path: Path, files: list[str], named: str) -> None:
    with pytest.raises(MftError) as caught:
        tasks(make_files(tmp_path, "a/train.jsonl", "b.jsonl", *files))
    assert caught.value.message == f"The data folder {tmp_path} holds the files of a run: {named}."


@pytest.mark.parametrize("run", ["out", "runs/out"])
def test_a_run_in_a_folder_of_its_own_is_no_task(tmp_path: Path, run: str) -> None:
    with pytest.raises(MftError) as caught:
        tasks(make_files(tmp_path, "a/train.jsonl", f"{run}/recipe.toml", f"{run}/metrics.jsonl"))
    assert caught.value.message == f"{tmp_path / run.split('/')[0]} holds a run, not a task."


def test_a_recipe_may_lie_beside_the_tasks_and_anything_beside_one_task(tmp_path: Path) -> None:
    found = tasks(make_files(tmp_path, "a/train.jsonl", "final/train.jsonl", "recipe.toml"))
    assert [task.name for task in found] == ["a", "final"]
    (task,) = tasks(make_files(tmp_path / "a", "metrics.jsonl", "recipe.toml", ".lock"))
    assert [path.name for path in task.train] == ["train.jsonl"]


def test_no_path_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a folder"):
        Folder().tasks(DataRequest(None, tmp_path))
    with pytest.raises(MftError, match="is not a folder"):
        tasks(tmp_path / "absent")
    file = tmp_path / "sql.jsonl.gz"
    file.touch()
    with pytest.raises(UsageError) as caught:
        tasks(file)
    assert caught.value.hint == f"A file by itself is a task: --task sql={file}"


def test_bad_and_repeated_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        check_names(tasks(make_files(tmp_path / "one", "a b/train.jsonl")))
    with pytest.raises(UsageError, match="Two tasks"):
        check_names(tasks(make_files(tmp_path / "two", "a/train.jsonl", "a.jsonl")))


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    secret = make_files(tmp_path / "elsewhere", "train.jsonl")
    for name, target in (("file", secret / "train.jsonl"), ("folder", secret)):
        root = make_files(tmp_path / name, "inside/train.jsonl")
        link = root / "linked" if name == "folder" else root / "linked.jsonl"
        link.symlink_to(target)
        with pytest.raises(MftError, match="link out of"):
            tasks(root)


def test_links_inside_the_folder_are_fine(tmp_path: Path) -> None:
    root = make_files(tmp_path, "a/train.jsonl")
    (root / "b").symlink_to(root / "a")
    assert [task.name for task in tasks(root)] == ["a", "b"]
