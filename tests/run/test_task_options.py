"""Options of tasks that the data has, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.shared_tasks import FORM, of, split
from helpers.token_data import pair, task_file
from mft_cli.session import Session
from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.records import TaskFiles
from mft_core.run.components import choose_parts
from mft_core.run.recipe_check import every_task, with_pinned_data


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MFT_CACHE", str(tmp_path / "cache"))
    for name in ("a", "b"):
        task_file(tmp_path / "data" / f"{name}.jsonl", [pair(number) for number in range(4)])
    task_file(tmp_path / "data" / "mix.jsonl", [of(name, number) for number, name in enumerate("xyx")])
    return tmp_path / "data"


def found(session: Session, data: Path, *entries: dict, **keys: object) -> dict[str, TaskFiles]:
    settings = {"path": str(data), "tasks": list(entries), **keys}
    recipe = load_recipe(None, [("model.adapter", "llama"), *((f"data.{key}", held) for key, held in settings.items())])
    parts = choose_parts(recipe, session.plugins.catalog)
    tasks = every_task(recipe, parts, None)
    assert load_recipe(None, [("data", with_pinned_data(recipe, parts, tasks).data.model_dump(mode="json"))])
    return {task.name: task for task in tasks}


def test_options_without_files(session: Session, data: Path) -> None:
    tasks = found(session, data, {"name": "b", "weight": 3, "max_samples": 2, "columns": {"text": "prompt"},
                                  "reader": "text"})  # fmt: skip
    assert list(tasks) == ["a", "b", "mix"]
    b = tasks["b"]
    assert (b.weight, b.sampling.max_samples, b.sampling.valid_fraction) == (3.0, 2, None)
    assert b.form is not None
    assert b.form.columns == (("text", "prompt"),)
    assert b.reader is not None
    assert b.reader.name == "text"
    assert (tasks["a"].weight, tasks["a"].reader) == (1.0, None)


def test_options_of_a_task_that_a_field_finds(session: Session, data: Path) -> None:
    split = {"name": "mix", "task_field": "channel", "weight": 2}
    tasks = found(session, data, split, {"name": "x", "max_samples": 1}, {"name": "y", "weight": 5})
    assert {name: (task.weight, task.sampling.max_samples) for name, task in tasks.items()} == {
        "a": (1.0, None), "b": (1.0, None), "x": (2.0, 1), "y": (5.0, None),
    }  # fmt: skip


def test_beside_entries_with_files(session: Session, data: Path) -> None:
    files = {"name": "all", "train": "mix.jsonl", "task_field": "channel"}
    tasks = found(session, data, files, {"name": "y", "weight": 5}, {"name": "alone", "train": "a.jsonl"})
    assert {name: task.weight for name, task in tasks.items()} == {"x": 1.0, "y": 5.0, "alone": 1.0}


def test_files_that_are_only_watched_add_to_the_tasks_of_the_folder(session: Session, data: Path) -> None:
    task_file(data.parent / "watch_comment.jsonl", [pair(9)])
    watched = {"name": "comment", "train": "../watch_comment.jsonl", "role": "watch"}
    tasks = found(session, data, watched, {"name": "b", "weight": 3})
    assert list(tasks) == ["a", "b", "mix", "comment"]
    assert [task.sampling.watched for task in tasks.values()] == [False, False, False, True]
    assert tasks["b"].weight == 3.0


def test_a_task_of_the_folder_that_is_named_by_its_file_again_is_refused_with_what_to_do(
    session: Session, data: Path
) -> None:
    with pytest.raises(UsageError, match="Two tasks are called 'a'") as caught:
        found(session, data, {"name": "a", "train": "a.jsonl", "role": "watch"})
    assert "leave `train` out" in caught.value.hint


def test_a_folder_that_only_validates_is_a_task_where_an_option_says_that_it_is_watched(
    session: Session, data: Path
) -> None:
    task_file(data / "w" / "valid.jsonl", [pair(9)])
    tasks = found(session, data, {"name": "w", "role": "watch"})
    assert tasks["w"].train == (data / "w" / "valid.jsonl",)
    assert tasks["w"].sampling.watched


@pytest.mark.parametrize(
    ("entries", "keys", "expected", "hint"),
    [
        ([{"name": "aa"}], {}, "the data has no task 'aa'", "Did you mean 'a'"),
        ([{"name": "mix"}], {"include": ["x"], "task_field": "channel"}, "no record of", "Did you mean|There is"),
        ([{"name": "a", "valid": "b.jsonl"}], {}, "'a' has validation files, but no", "`train`"),
        ([{"name": "a", "valid": "b.jsonl", "role": "watch"}], {}, "'a' has validation files", "Name them in `train`"),
        ([{"name": "a"}, {"name": "a", "weight": 2}], {}, "'a' is there twice", "one entry"),
        ([{"name": "a", "train": "a.jsonl"}, {"name": "a"}], {}, "'a' is there twice", "one entry"),
        (
            [{"name": "mix", "task_field": "channel"}, {"name": "x", "reader": "text"}],
            {},
            "'x' has a reader",
            "data.reader",
        ),
    ],
)
def test_what_is_wrong_is_named(
    session: Session, data: Path, entries: list, keys: dict, expected: str, hint: str
) -> None:
    for other in ("a", "b"):
        if "task_field" in keys:
            (data / f"{other}.jsonl").unlink()
            task_file(data / "mix.jsonl", [pair(1)])
    with pytest.raises(UsageError, match=expected) as caught:
        found(session, data, *entries, **keys)
    import re

    assert re.search(hint, caught.value.hint)


def test_what_was_fetched_for_an_entry_is_written_down(session: Session, data: Path) -> None:
    entry = {"name": "all", "train": "hf:org/set", "task_field": "channel"}
    recipe = load_recipe(None, [("model.adapter", "llama"), ("data.tasks", [entry])])
    whole = TaskFiles("all", (data / "mix.jsonl",), form=FORM, addresses=("hf:org/set@abc", ""))
    tasks = split(data, whole)
    assert [task.name for task in tasks] == ["x", "y"]
    (pinned,) = with_pinned_data(recipe, choose_parts(recipe, session.plugins.catalog), tasks).data.tasks
    assert (pinned.train, pinned.task_field) == ("hf:org/set@abc", "channel")


def test_the_weight_of_a_source_is_written_down(session: Session, data: Path) -> None:
    recipe = load_recipe(None, [
        ("model.adapter", "llama"), ("data.path", str(data)), ("data.tasks", [{"name": "b", "max_samples": 2}]),
    ])  # fmt: skip
    parts = choose_parts(recipe, session.plugins.catalog)
    tasks = [TaskFiles("b", (data / "b.jsonl",), weight=4.0)]
    (entry,) = with_pinned_data(recipe, parts, tasks).data.tasks
    assert (entry.weight, entry.max_samples, entry.train) == (4.0, 2, "")
