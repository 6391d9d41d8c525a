"""A task that is only watched: all its records validate, whichever files they are in, and none trains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.readers import READERS
from helpers.token_data import answers, pair, prepare, task_file
from mft_core.data.source import DataRequest
from mft_core.data.task_files import ExplicitTask, explicit_tasks
from mft_core.data.tasks import write_quarantine
from mft_core.errors import MftError
from mft_core.records import TaskFiles
from mft_core.support.reading import TaskSampling
from mft_sources.folder import Folder

WATCHED = TaskSampling(watched=True)


def files(tmp_path: Path) -> list[TaskFiles]:
    some = {name: [pair(10 * number + one) for one in range(6)] for number, name in enumerate(("a", "w", "v", "b"))}
    paths = {name: task_file(tmp_path / f"{name}.jsonl", [*rows, "{}"]) for name, rows in some.items()}
    return [
        TaskFiles("a", (paths["a"],)),
        TaskFiles("watched", (paths["w"],), (paths["v"],), sampling=WATCHED),
        TaskFiles("b", (paths["b"],)),
    ]


def test_all_its_records_validate_and_it_is_none_of_the_trained_tasks(tmp_path: Path) -> None:
    tasks = prepare(files(tmp_path), tmp_path / "cache", max_bad=0.5)
    assert tasks.names == tasks.counts.names == ("a", "b")
    assert [task.index for task in tasks] == [0, 1]
    (watched,) = tasks.watched
    assert (watched.index, len(watched.train), len(watched.valid)) == (0, 0, 12)
    assert sorted(text.split()[0] for text in answers(watched.valid)) == [
        str(number) for number in (*range(10, 16), *range(20, 26))
    ]
    assert (watched.report.read, watched.report.train, watched.report.valid) == (14, 0, 12)
    assert watched.report.bad_records == 2
    assert [task.name for task in tasks.every] == ["a", "b", "watched"]


def test_what_is_refused_of_it_is_kept(tmp_path: Path) -> None:
    tasks = prepare(files(tmp_path), tmp_path / "cache", max_bad=0.5)
    assert write_quarantine(tasks, tmp_path / "quarantine.jsonl") == 4
    lines = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["task"] for line in lines].count("watched") == 2


def test_the_cap_of_validation_samples_caps_it_and_else_that_of_training_samples(tmp_path: Path) -> None:
    given = files(tmp_path)
    (watched,) = prepare(given, tmp_path / "cache", max_bad=0.5, max_valid_samples=5).watched
    assert (len(watched.valid), watched.report.left_out) == (5, 7)
    (watched,) = prepare(given, tmp_path / "cache", max_bad=0.5, max_samples=2).watched
    assert (len(watched.valid), watched.report.left_out) == (2, 10)


def test_without_a_usable_record_it_is_an_error(tmp_path: Path) -> None:
    trained, empty = task_file(tmp_path / "a.jsonl", [pair(0)]), task_file(tmp_path / "w.jsonl", [])
    with pytest.raises(MftError, match=r"Task 'watched' has no usable record: 0 in .*w\.jsonl"):
        prepare([TaskFiles("a", (trained,)), TaskFiles("watched", (empty,), sampling=WATCHED)], tmp_path / "cache")


def test_held_out_files_are_data_like_any_other(tmp_path: Path) -> None:
    for name in ("test.jsonl", "valid.jsonl", "sub/test-1.jsonl"):
        task_file(tmp_path / "d" / name, [pair(0)])
    entries = [
        ExplicitTask("folder", "d", sampling=WATCHED),
        ExplicitTask("glob", "d/*.jsonl", sampling=WATCHED),
        ExplicitTask("apart", "d/sub/*.jsonl", "d/valid.jsonl", sampling=WATCHED),
    ]
    found = explicit_tasks(entries, tmp_path, READERS)
    named = [[path.name for path in (*task.train, *task.valid)] for task in found]
    assert named == [["test.jsonl", "valid.jsonl"], ["test.jsonl", "valid.jsonl"], ["test-1.jsonl", "valid.jsonl"]]


def test_held_out_files_of_a_data_folder_are_enough_for_a_task_that_is_watched(tmp_path: Path) -> None:
    for name in (
        "a/train.jsonl",
        "a/valid.jsonl",
        "w/valid.jsonl",
        "both/train.jsonl",
        "both/test.jsonl",
        "eval.jsonl",
    ):
        task_file(tmp_path / name, [pair(0)])
    with pytest.raises(MftError, match="w holds validation or test data, but no training data") as caught:
        Folder().tasks(DataRequest(tmp_path, tmp_path))
    assert 'role = "watch"' in caught.value.hint
    found = Folder().tasks(DataRequest(tmp_path, tmp_path, watched={"w", "both", "eval"}))
    assert {task.name: [path.name for path in (*task.train, *task.valid)] for task in found} == {
        "a": ["train.jsonl", "valid.jsonl"],
        "both": ["test.jsonl", "train.jsonl"],
        "eval": ["eval.jsonl"],
        "w": ["valid.jsonl"],
    }


def test_of_a_saved_data_set_every_split_is_data(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    for split in ("test", "validation"):
        (folder / split).mkdir(parents=True)
        (folder / split / "data.arrow").write_bytes(b"")
        (folder / split / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}', encoding="utf-8")
    (folder / "dataset_dict.json").write_text('{"splits": ["test", "validation"]}', encoding="utf-8")
    (task,) = explicit_tasks([ExplicitTask("w", "saved", sampling=WATCHED)], tmp_path, READERS)
    assert task.train == tuple(folder / split / "data.arrow" for split in ("test", "validation"))
    assert task.valid == ()
