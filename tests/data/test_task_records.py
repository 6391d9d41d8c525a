"""The records of tasks, as they stand in their files."""

from __future__ import annotations

from pathlib import Path

from helpers.readers import READERS
from helpers.shared_tasks import of, shared_file
from helpers.token_data import pair, task_file
from mft_core.data.task_records import task_records
from mft_core.records import TaskFiles


def found(tasks: list[TaskFiles]) -> list[tuple[str, str, bool, int]]:
    return [
        (task.name, path.name, validates, record.place)
        for task, path, validates, record in task_records(tasks, READERS)
    ]


def test_each_record_once_with_its_task(tmp_path: Path) -> None:
    alone = TaskFiles("z", (task_file(tmp_path / "z.jsonl", [pair(0)]),), (task_file(tmp_path / "v.jsonl", [pair(1)]),))
    shared = shared_file(tmp_path, [of("b", 0), pair(1), of("a", 2)], [of("b", 3), of("c", 4)])
    assert found([alone, *shared]) == [
        ("z", "z.jsonl", False, 1), ("z", "v.jsonl", True, 1),
        ("b", "mix.jsonl", False, 1), ("a", "mix.jsonl", False, 3), ("b", "mix_valid.jsonl", True, 1),
    ]  # fmt: skip
    assert found([task for task in shared if task.name == "a"]) == [("a", "mix.jsonl", False, 3)]
