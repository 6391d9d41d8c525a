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


def test_no_path_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a folder"):
        Folder().tasks(DataRequest(None, tmp_path))
    with pytest.raises(MftError, match="is not a folder"):
        tasks(tmp_path / "absent")


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
