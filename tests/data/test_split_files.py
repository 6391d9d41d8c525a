"""Data sets of named splits, as `datasets.save_to_disk` writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.readers import READERS
from helpers.token_data import pair, prepare
from mft_core.data.split_files import saved_splits, sides_of
from mft_core.data.task_files import ExplicitTask, explicit_tasks, folder_task
from mft_core.errors import MftError
from mft_core.interfaces import DataRequest
from mft_core.records import TaskFiles
from mft_sources.folder import Folder

datasets = pytest.importorskip("datasets")

SPLITS = {"train": 20, "validation": 3, "test": 2}


def saved(folder: Path, sizes: dict[str, int], shards: int = 1) -> Path:
    """A DatasetDict; a Dataset where the only split is called ""."""
    made = {split: datasets.Dataset.from_list([pair(n) for n in range(size)]) for split, size in sizes.items()}
    if list(made) == [""]:
        made[""].save_to_disk(str(folder), num_shards=shards)
    else:
        datasets.DatasetDict(made).save_to_disk(str(folder), num_shards=dict.fromkeys(made, shards))
    return folder


@pytest.mark.parametrize(
    ("splits", "train", "valid"),
    [
        (["train", "validation", "test"], "train", "validation"),
        (["train", "dev"], "train", "dev"),
        ([""], "", None),
        (["train_sft", "test_sft"], "train_sft", None),
        (["all"], "all", None),
        (["en", "train"], "train", None),
    ],
)
def test_which_split_trains(splits: list[str], train: str, valid: str | None) -> None:
    files = {split: [Path(split or "x")] for split in splits}
    assert sides_of(files, "it") == (tuple(files[train]), tuple(files[valid]) if valid else ())


@pytest.mark.parametrize("splits", [["en", "de"], ["test"], ["validation", "test"]])
def test_where_none_is_meant_all_are_named(splits: list[str]) -> None:
    with pytest.raises(MftError, match="none of its splits is called train: " + ", ".join(map(repr, splits))):
        sides_of({split: [Path(split)] for split in splits}, "it")


def test_a_folder_of_saved_data_sets(tmp_path: Path) -> None:
    saved(tmp_path / "data/several", SPLITS, shards=2)
    saved(tmp_path / "data/one", {"": 10})
    one, several = Folder().tasks(DataRequest(tmp_path / "data", tmp_path))
    assert [one.name, several.name] == ["one", "several"]
    assert [len(side) for side in (one.train, one.valid, several.train, several.valid)] == [1, 0, 2, 2]
    reports = [task.report for task in prepare([one, several], tmp_path / "cache")]
    assert [(report.read, report.bad_records) for report in reports] == [(10, 0), (23, 0)]
    assert (reports[1].train, reports[1].valid) == (20, 3)


def test_a_saved_data_set_by_itself(tmp_path: Path) -> None:
    folder = saved(tmp_path / "data", SPLITS)
    files = (folder / "train/data-00000-of-00001.arrow",), (folder / "validation/data-00000-of-00001.arrow",)
    assert Folder().tasks(DataRequest(folder, tmp_path)) == [TaskFiles("data", *files)]
    assert explicit_tasks([ExplicitTask("t", str(folder))], Path(), READERS) == [TaskFiles("t", *files)]
    assert folder_task("t", folder / "test", READERS) == TaskFiles("t", (folder / "test/data-00000-of-00001.arrow",))


def test_only_the_files_of_the_data_set_are_read(tmp_path: Path) -> None:
    folder = saved(tmp_path / "data", {"": 10}, shards=2)
    (folder / "cache-1234.arrow").write_bytes((folder / "data-00000-of-00002.arrow").read_bytes())
    assert [path.name for path in saved_splits(folder)[""]] == [
        "data-00000-of-00002.arrow",
        "data-00001-of-00002.arrow",
    ]
    (folder / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(MftError, match=r"data-00001-of-00002\.arrow of a data set saved to disk is missing"):
        saved_splits(folder)
    (folder / "state.json").write_text("{", encoding="utf-8")
    with pytest.raises(MftError, match=r"state\.json of a data set saved to disk cannot be read"):
        saved_splits(folder)


def test_other_folders_are_none(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps([pair(0)]), encoding="utf-8")
    assert saved_splits(tmp_path) is None
    assert saved_splits(tmp_path / "absent") is None
