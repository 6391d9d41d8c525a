"""Tasks that are measured beside those of a run."""

from __future__ import annotations

from pathlib import Path

from helpers.token_data import pair, prepare, task_file
from mft_core.comparison.measuring import renumbered
from mft_core.records import TaskFiles


def test_tasks_of_another_set_are_numbered_in_their_new_order(tmp_path: Path) -> None:
    files = [TaskFiles(name, (task_file(tmp_path / f"{name}.jsonl", [pair(0), pair(1)]),)) for name in ("a", "b", "c")]
    tasks = list(prepare(files, tmp_path / "cache"))
    found = renumbered([tasks[2], tasks[0]])
    assert [(task.index, task.name) for task in found] == [(0, "c"), (1, "a")]
