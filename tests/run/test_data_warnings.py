"""What is wrong with data is said to people before training: leakage, duplicates, no validation data."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import arguments, events, mft, write_rows
from helpers.token_data import pair, prepare, task_file
from mft_core.data.tasks import TaskSet
from mft_core.records import TaskFiles
from mft_core.run.data_warnings import data_warnings


def task_set(folder: Path, tasks: dict[str, tuple[list[dict], list[dict]]], **settings: object) -> TaskSet:
    files = []
    for name, (train, valid) in tasks.items():
        held_out = (task_file(folder / name / "valid.jsonl", valid),) if valid else ()
        files.append(TaskFiles(name, (task_file(folder / name / "train.jsonl", train),), held_out))
    return prepare(files, folder / "cache", **settings)


def pairs(*numbers: int) -> list[dict]:
    return [pair(number) for number in numbers]


def test_clean_data_says_nothing(tmp_path) -> None:
    assert data_warnings(task_set(tmp_path, {"a": (pairs(1, 2), pairs(3)), "b": (pairs(4), pairs(5))}), True) == []


def test_validation_samples_that_are_trained_on_are_counted_per_task_the_worst_first(tmp_path) -> None:
    tasks = task_set(
        tmp_path, {"some": (pairs(1, 2), pairs(2, 3, 4)), "all": (pairs(5), pairs(5)), "none": (pairs(6), pairs(7))}
    )
    (text,) = data_warnings(tasks, False)
    assert text.startswith("validation samples that are training samples too")
    assert text.endswith(": 1 of 1 in all, 1 of 3 in some")


def test_validation_samples_that_another_task_trains_on_are_leakage_too(tmp_path) -> None:
    tasks = task_set(tmp_path, {"a": (pairs(1, 2), pairs(3, 4)), "b": (pairs(3, 5), pairs(6))})
    assert data_warnings(tasks, False) == ["validation samples that other tasks train on: 1 of 2 in a"]


def spaced(number: int) -> dict:
    return {key: f"  {text}\n" for key, text in pair(number).items()}


def test_white_space_hides_no_leakage(tmp_path) -> None:
    tasks = task_set(tmp_path, {"a": (pairs(1, 2), [pair(1), spaced(2), pair(9)])})
    (text,) = data_warnings(tasks, False)
    assert text.endswith(": 2 of 3 in a (1 of them but for white space)")


def test_white_space_hides_no_leakage_from_another_task(tmp_path) -> None:
    tasks = task_set(tmp_path, {"a": (pairs(1), [spaced(3), pair(4), spaced(7)]), "b": (pairs(3, 4), pairs(6))})
    assert data_warnings(tasks, False) == [
        "validation samples that other tasks train on: 2 of 3 in a (1 of them but for white space)"
    ]


def test_keys_that_were_not_read_are_named_once_for_all_tasks_that_have_them(tmp_path) -> None:
    odd, fine = [{**pair(number), "id": number, "passages_used": ["p"]} for number in (1, 2)], pairs(3)
    tasks = {"a": (odd, []), "b": ([{**pair(4), "passages_used": 1}], pairs(5)), "c": (pairs(6), fine)}
    task_set_ = task_set(tmp_path, tasks)
    assert [dict(task.report.unread_keys) for task in task_set_] == [{"passages_used": 2}, {"passages_used": 1}, {}]
    assert data_warnings(task_set_, False)[-1] == "keys that were not read: passages_used (in a, b)"


def test_many_tasks_with_other_keys_each_take_few_lines(tmp_path) -> None:
    tasks = {f"t{number}": ([{**pair(number), f"key{number}": 1}], pairs(100 + number)) for number in range(30)}
    lines = data_warnings(task_set(tmp_path, tasks), False)
    assert len(lines) == 6
    assert lines[-1].startswith("other keys were not read in: t13,") or "20 more tasks" in lines[-1]


def test_a_sample_of_its_own_training_data_is_told_once(tmp_path) -> None:
    tasks = task_set(tmp_path, {"a": (pairs(1, 3), pairs(3, 4)), "b": (pairs(3, 5), pairs(6))})
    (text,) = data_warnings(tasks, False)
    assert text.endswith("1 of 2 in a")


def test_samples_that_neither_train_nor_validate_are_no_leakage(tmp_path) -> None:
    tasks = task_set(tmp_path, {"a": (pairs(*range(20)), pairs(*range(20)))}, max_samples=4, max_valid_samples=2)
    report = tasks[0].report
    trained, validating = (
        {store.origin(number).rpartition(":")[2] for number in range(len(store))}
        for store in (tasks[0].train, tasks[0].valid)
    )
    assert report.overlap == len(trained & validating)
    assert len(data_warnings(tasks, False)) == bool(report.overlap)


def test_duplicates_are_counted(tmp_path) -> None:
    tasks = task_set(tmp_path, {"a": (pairs(1, 1, 1, 2), pairs(3)), "b": (pairs(4), pairs(5))})
    assert data_warnings(tasks, False) == ["training records that repeat an earlier one: 2 of 4 in a"]


def test_of_many_tasks_a_few_are_named_and_the_others_counted(tmp_path) -> None:
    tasks = task_set(tmp_path, {f"t{i:03d}": (pairs(i, i), pairs(i)) for i in range(60)})
    leakage, duplicates = data_warnings(tasks, False)
    assert "1 of 1 in t000, 1 of 1 in t001" in leakage
    assert leakage.endswith("and 55 more tasks")
    assert duplicates.endswith("and 55 more tasks")


def test_no_validation_data_is_said_with_what_it_means_for_the_loss(tmp_path) -> None:
    tasks = task_set(tmp_path, {"alone": (pairs(1, 1), [])})
    text, _ = data_warnings(tasks, adapts_by_validation=True)
    assert text == "no validation data for: alone; their weights will not adapt"


@pytest.mark.slow
def test_check_and_run_say_it_and_the_run_keeps_it(tmp_path, capsys) -> None:
    rows = pairs(*range(12))
    (tmp_path / "data" / "a").mkdir(parents=True)
    write_rows(tmp_path / "data" / "a" / "train.jsonl", [*rows, *rows])
    write_rows(tmp_path / "data" / "a" / "valid.jsonl", rows)
    run = arguments(tmp_path / "data", tmp_path / "run", "--steps", "1")
    check = ["check", *run[1 : run.index("--output")], *run[run.index("--output") + 2 :]]
    for command in (check, [*run, "--dry-run"], run):
        assert mft(*command) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "warning: validation samples that are training samples too" in said
        assert "12 of 12 in a" in said
        assert "repeat an earlier one: 12 of 24 in a" in said
    (start,) = events(tmp_path / "run", "start")
    assert any("12 of 12 in a" in text for text in start["warnings"])
