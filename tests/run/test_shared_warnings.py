"""What is said of tasks that a field tells apart."""

from __future__ import annotations

from pathlib import Path

from helpers.shared_tasks import of, shared_file
from helpers.token_data import pair, prepare
from mft_core.run.data_warnings import data_warnings
from mft_core.run.shared_warnings import shared_warnings


def test_renamed_values_and_those_that_only_validate(tmp_path: Path) -> None:
    tasks = shared_file(tmp_path, [of("my sql", 0), of("x", 1)], [of("x", 2), of("y", 3)])
    assert list(shared_warnings(tasks)) == [
        "values of 'channel' that no task can be called by: 'my sql' is my_sql",
        "values of 'channel' that only validation files have, so that they are left out: y",
    ]
    assert list(shared_warnings(shared_file(tmp_path, [of("x", 1)]))) == []


def test_records_of_no_task(tmp_path: Path) -> None:
    tasks = prepare(shared_file(tmp_path, [of("x", 0), pair(1), pair(2)]), tmp_path / "cache", max_bad=1)
    told = [line for line in data_warnings(tasks, False) if "no task" in line]
    assert told == [f"records of no task, which are quarantined: 2 in {tmp_path}/mix.jsonl (2 missing task field)"]
