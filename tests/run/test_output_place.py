"""Results lie where no source finds them as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.running import make_files
from helpers.shared_tasks import of, split
from helpers.token_data import task_file
from mft_core.errors import UsageError
from mft_core.recipe.schema import Recipe, TaskSection
from mft_core.records import TaskFiles
from mft_core.run.output_place import refuse_output_among_data


def tasks_in(folder: Path, *names: str) -> list[TaskFiles]:
    return [TaskFiles(name, (folder / name / "train.jsonl",), ()) for name in names]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("data", "is the data folder"),
        ("data/../data/", "is the data folder"),
        ("link", "is the data folder"),
        ("data/out", "lies in the data folder"),
        ("data/runs/out", "lies in the data folder"),
        ("data/add", "lies in the data folder"),
        ("data/add/out", "lies in the data folder"),
        ("data/_out", ""),
        ("data/.runs/out", ""),
        ("out", ""),
        ("data-out", ""),
    ],
)
def test_a_folder_of_tasks(tmp_path: Path, output: str, said: str) -> None:
    make_files(tmp_path / "data", "add/train.jsonl", "copy/train.jsonl")
    (tmp_path / "link").symlink_to("data")
    recipe = Recipe().having("data", path=str(tmp_path / "data"))
    found = tasks_in(tmp_path / "data", "add", "copy")
    check(tmp_path / output, recipe, found, said)


def check(output: Path, recipe: Recipe, found: list[TaskFiles], said: str) -> None:
    if said:
        with pytest.raises(UsageError, match=said):
            refuse_output_among_data(output, recipe, found)
    else:
        refuse_output_among_data(output, recipe, found)


@pytest.mark.parametrize(("output", "said"), [("add", "is the data folder"), ("add/runs/out", "")])
def test_a_folder_that_is_one_task_is_not_searched_further(tmp_path: Path, output: str, said: str) -> None:
    recipe = Recipe().having("data", path=str(tmp_path / "add"))
    check(tmp_path / output, recipe, [TaskFiles("add", (tmp_path / "add" / "train.jsonl",), ())], said)


def test_a_folder_that_is_one_task_is_none_less_when_a_field_splits_it(tmp_path: Path) -> None:
    folder = tmp_path / "add"
    train = task_file(folder / "train.jsonl", [of("x", 0), of("y", 1)])
    recipe = Recipe().having("data", path=str(folder))
    found = split(tmp_path, TaskFiles("add", (train,)))
    check(folder / "runs" / "out", recipe, found, "")


def test_files_in_the_folder_itself_are_several_tasks(tmp_path: Path) -> None:
    recipe = Recipe().having("data", path=str(tmp_path / "data"))
    found = [TaskFiles("add", (tmp_path / "data" / "add.jsonl",), ())]
    check(tmp_path / "data" / "runs" / "out", recipe, found, "lies in the data folder")


@pytest.mark.parametrize(
    ("named", "output", "said"),
    [
        ({"train": "add"}, "data/add", "where task 'add' is read: add"),
        ({"train": "add"}, "data/add/out", ""),
        ({"train": "add"}, "data/out", ""),
        ({"train": "add/train.jsonl", "valid": "copy"}, "data/copy", "is read: copy"),
        ({"train": "add/train.jsonl"}, "data/out", ""),
        ({"train": "*/*.jsonl"}, "data/out", r"is read: \*/\*.jsonl"),
        ({"train": "*/*.jsonl"}, "data/out/deep", ""),
        ({"train": "*/train*.jsonl"}, "data/out", ""),
        ({"train": "**/*.jsonl"}, "data/out/deep", r"is read: \*\*/\*.jsonl"),
        ({"train": "**/*.jsonl"}, "out", ""),
    ],
)
def test_tasks_named_one_by_one(tmp_path: Path, named: dict[str, Any], output: str, said: str) -> None:
    make_files(tmp_path / "data", "add/train.jsonl", "copy/valid.jsonl")
    tasks = [TaskSection(name="add", **named)]
    recipe = Recipe().having("data", path=str(tmp_path / "data"), tasks=tasks)
    check(tmp_path / output, recipe, [], said)


@pytest.mark.parametrize(
    ("output", "said"),
    [("add", "is the data folder"), ("add/runs/out", ""), ("away", "where task 'away' is read"), ("out", "")],
)
def test_a_folder_with_a_watched_one_beside_it(tmp_path: Path, output: str, said: str) -> None:
    make_files(tmp_path, "add/train.jsonl", "away/valid.jsonl")
    watched = TaskSection(name="away", train="../away", role="watch")
    recipe = Recipe().having("data", path=str(tmp_path / "add"), tasks=[watched])
    found = [TaskFiles("add", (tmp_path / "add" / "train.jsonl",)), TaskFiles("away", (tmp_path / "away/valid.jsonl",))]
    check(tmp_path / output, recipe, found, said)


@pytest.mark.parametrize("output", ["prepared", "prepared/out"])
def test_prepared_data(tmp_path: Path, output: str) -> None:
    recipe = Recipe().having("data", prepared=str(tmp_path / "prepared"), path=str(tmp_path / "gone"))
    check(tmp_path / output, recipe, [], "data folder")
    check(tmp_path / "gone", recipe, [], "")


def test_what_the_standard_library_gives_lies_nowhere(tmp_path: Path) -> None:
    check(tmp_path, Recipe(), [], "")
