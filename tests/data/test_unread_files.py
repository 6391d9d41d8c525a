"""Files that nobody reads are named, each once, with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.readers import READERS
from helpers.running import arguments, mft, write_rows
from mft_core.data.unread_files import unread_files, unread_warnings
from mft_core.interfaces import DataRequest
from mft_core.records import TaskFiles
from mft_sources.folder import Folder

RECORD = {"prompt": "q", "response": "a"}


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_rows(root / name, [RECORD])
    return root


def reasons(root: Path) -> dict[str, str]:
    tasks = Folder().tasks(DataRequest(root, root / ".cache"))
    return {file.path.relative_to(root).as_posix(): file.reason for file in unread_files(root, tasks, READERS)}


def test_every_file_is_read_or_named_once_with_its_reason(tmp_path: Path) -> None:
    read = ["a/train.jsonl", "a/train2.jsonl", "a/valid.json", "b.jsonl", "c.json", "d.JSONL", "e.ndjson"]
    parts = ["a/extra.jsonl", "a/test.jsonl", "a/dev.jsonl", "a/deep/train.jsonl", "a/notes.dat", "_old/train.jsonl"]
    make(tmp_path, *read, *parts, "README.md", "a/LICENSE.txt", ".hidden.jsonl", ".git/x.jsonl")
    (tmp_path / "f.json").write_text(json.dumps({"a": {"b": 1}}))
    found = reasons(tmp_path)
    assert set(found) == {*parts, "f.json"}
    assert found["a/extra.jsonl"].startswith("only the files called train")
    assert found["a/test.jsonl"] == "test data"
    assert found["a/dev.jsonl"] == "validation data comes from another file"
    assert found["a/deep/train.jsonl"].startswith("too deep")
    assert found["a/notes.dat"].startswith("no kind of file that is read: .arrow, .csv")
    assert found["_old/train.jsonl"] == "in a folder whose name starts with _"
    assert found["f.json"].startswith("it is no array of objects")


def test_a_split_of_a_data_set_saved_to_disk_is_called_one(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    splits = ("train", "validation", "dev", "test", "extra")
    made = {split: datasets.Dataset.from_list([RECORD]) for split in splits}
    datasets.DatasetDict(made).save_to_disk(str(tmp_path / "a"))
    found = {Path(name).parent.name: reason for name, reason in reasons(tmp_path).items() if name.endswith(".arrow")}
    assert found.pop("extra").startswith("another split of a data set saved to disk trains")
    assert found == {"test": "test data", "dev": "validation data comes from another file"}


def test_what_becomes_of_a_file_without_records_is_right_for_its_kind(tmp_path: Path) -> None:
    make(tmp_path, "a.jsonl")
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    contents = {"rows": [RECORD], "talks": [turns, turns], "turns": turns, "settings": {"a": 1}, "numbers": [1, 2]}
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "indented.json").write_text(json.dumps([turns], indent=2))
    (tmp_path / "one.json").write_text(json.dumps(RECORD, indent=2))
    found = reasons(tmp_path)
    assert set(found) == {"settings.json", "numbers.json"}
    assert all(reason.startswith("it is no array of objects, and no record") for reason in found.values())


def test_where_the_folder_is_one_task_the_folders_in_it_are_named(tmp_path: Path) -> None:
    assert set(reasons(make(tmp_path, "train.jsonl", "b.jsonl", "c/train.jsonl"))) == {"b.jsonl", "c/train.jsonl"}


def test_a_line_for_each_reason(tmp_path: Path) -> None:
    make(tmp_path, *(f"t{number}/test.jsonl" for number in range(30)), "x/train.jsonl", "x/a.dat")
    files = list(unread_files(tmp_path, [TaskFiles("x", (tmp_path / "x/train.jsonl",))], READERS))
    tests, others = unread_warnings(files, tmp_path)
    assert tests.startswith("not read: t0/test.jsonl, t1/test.jsonl,")
    assert tests.endswith("and 10 more files (test data)")
    assert others.startswith("not read: x/a.dat (")


@pytest.mark.slow
def test_check_says_it_to_people_and_to_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    (data / "a").mkdir(parents=True)
    write_rows(data / "a/train.jsonl", [{"prompt": f"q{number}", "response": "a"} for number in range(9)])
    write_rows(data / "a/extra.jsonl", [RECORD])
    command = ["check", "--model", "llama", "--data", str(data), "--steps", "1", "--set", "model.dtype=float32"]
    assert mft(*command) == 0
    assert "not read: a/extra.jsonl" in " ".join(capsys.readouterr().out.split())
    assert mft(*command, "--json") == 0
    (file,) = json.loads(capsys.readouterr().out)["unread_files"]
    assert file["path"] == str(data / "a/extra.jsonl")
    assert mft("prepare", *command[1:], "--output", str(tmp_path / "prepared"), "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["unread_files"] == [file]
    assert any(warning.startswith("not read: a/extra.jsonl") for warning in facts["warnings"])


def test_a_folder_without_a_task_says_what_lies_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/all.json").write_text(json.dumps([1, 2]))
    assert mft(*arguments(tmp_path / "data", tmp_path / "run")) == 2
    assert "all.json: it is no array of objects" in " ".join(capsys.readouterr().err.split())


def test_data_that_is_gone_can_be_given_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mft(*arguments(tmp_path / "moved", tmp_path / "run")) == 2
    assert "If the data has moved, name its new place: --data DIR." in " ".join(capsys.readouterr().err.split())


def test_tasks_that_are_not_wanted_are_no_unread_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    make(data, "a/train.jsonl", "b/train.jsonl")
    include = ("--set", 'data.include=["a"]', "--dry-run", "--steps", "1")
    assert mft(*arguments(data, tmp_path / "run", *include)) == 0
    assert "not read" not in capsys.readouterr().err
