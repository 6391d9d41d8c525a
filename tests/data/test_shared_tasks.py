"""Which tasks files hold that a field tells apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.shared_tasks import FORM, of, shared_file, split
from helpers.token_data import pair, task_file
from mft_core.errors import UsageError
from mft_core.records import TaskFiles
from mft_core.support.reading import RecordForm, TaskSampling


def test_each_value_is_a_task_sorted_by_name(tmp_path: Path) -> None:
    tasks = shared_file(tmp_path, [of("sql", 0), of(7, 1), of("sql", 2), of("chat room", 3)], [of("sql", 9)])
    assert [task.name for task in tasks] == ["7", "chat_room", "sql"]
    assert [len(task.valid) for task in tasks] == [0, 0, 1]
    assert len({id(task.shared) for task in tasks}) == 1


def test_the_same_value_in_two_files_is_the_same_task(tmp_path: Path) -> None:
    one = task_file(tmp_path / "a.jsonl", [of("x", 0), of("y", 1)])
    two = task_file(tmp_path / "b.jsonl", [of("y", 2), of("z", 3)])
    tasks = split(tmp_path, TaskFiles("a", (one,), weight=2.0), TaskFiles("b", (two,), weight=2.0))
    assert [(task.name, task.train) for task in tasks] == [("x", (one,)), ("y", (one, two)), ("z", (two,))]
    assert {task.weight for task in tasks} == {2.0}


@pytest.mark.parametrize("change", [
    {"weight": 2.0}, {"sampling": TaskSampling(max_samples=1)}, {"form": RecordForm((("text", "a"),))},
])  # fmt: skip
def test_of_one_task_two_entries_say_the_same(tmp_path: Path, change: dict) -> None:
    one = task_file(tmp_path / "a.jsonl", [of("x", 0), of("y", 1)])
    two = task_file(tmp_path / "b.jsonl", [of("y", 2)])
    with pytest.raises(UsageError, match=rf"'y' of 'channel' is in 'a' and in 'b', and {next(iter(change))}"):
        split(tmp_path, TaskFiles("a", (one,)), replace(TaskFiles("b", (two,)), **change))


def test_a_field_of_one_entry_leaves_the_others(tmp_path: Path) -> None:
    plain = TaskFiles("plain", (task_file(tmp_path / "a.jsonl", [pair(0)]),))
    mixed = TaskFiles("mixed", (task_file(tmp_path / "b.jsonl", [of("x", 0), of("a", 1)]),), form=FORM)
    last = TaskFiles("last", plain.train)
    tasks = split(tmp_path, plain, mixed, last, form=RecordForm())
    assert [task.name for task in tasks] == ["plain", "a", "x", "last"]
    assert [task.shared is not None for task in tasks] == [False, True, True, False]


def test_two_values_of_one_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'a b' and 'a/b', two values of 'channel', would both be the task 'a_b'"):
        shared_file(tmp_path, [of("a b", 0), of("a/b", 1)])


def test_a_field_that_no_record_has_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no record of .*mix\.jsonl has a 'channel'") as caught:
        shared_file(tmp_path, [{**pair(0), "chanel": "x"}])
    assert "'chanel'" in caught.value.hint


def test_all_files_together_have_a_thousand_tasks_at_most(tmp_path: Path) -> None:
    files = [
        TaskFiles(name, (task_file(tmp_path / f"{name}.jsonl", [of(f"{name}{n}", n) for n in range(600)]),))
        for name in "ab"
    ]
    with pytest.raises(UsageError, match="more than 1,000 different values"):
        split(tmp_path, *files)
