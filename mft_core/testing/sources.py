"""What every data source must do: hand over tasks whose files the core can read, the same ones every time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import ClassVar

import pytest

from mft_core.data.jsonl import inspect_file, read_lines
from mft_core.data.line_parsing import parse_line
from mft_core.data.record_forms import parse_record
from mft_core.data.source import DataRequest, Source
from mft_core.data.tasks import validate_task_name
from mft_core.records import TaskFiles
from mft_core.testing.components import ComponentTests


class SourceTests(ComponentTests):
    """Inherit, and set `component`; override `path` if the source needs `data.path`."""

    component: ClassVar[type[Source]]

    @pytest.fixture
    def path(self) -> Path | None:
        """What `--data` would say; None: nothing."""
        return None

    @pytest.fixture
    def cache(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """One folder for all tests of the class."""
        folder = tmp_path_factory.getbasetemp() / f"cache-of-{type(self).__name__}"
        folder.mkdir(exist_ok=True)
        return folder

    @pytest.fixture
    def tasks(self, path: Path | None, cache: Path) -> list[TaskFiles]:
        """What the source hands over."""
        return self.build().tasks(DataRequest(path, cache))

    def test_tasks_are_sorted_and_have_valid_names(self, tasks: list[TaskFiles]) -> None:
        names = [task.name for task in tasks]
        assert names
        assert names == sorted(set(names))
        assert [validate_task_name(name) for name in names] == names
        assert all(task.weight > 0 for task in tasks)

    def test_every_file_is_there_and_holds_records(self, tasks: list[TaskFiles]) -> None:
        for task in tasks:
            assert task.train, f"{task.name} has no training file"
            for file in (*task.train, *task.valid):
                inspect_file(file)
                records = [
                    parse_record(parse_line(line), f"{file}:{number}")  # raises RecordError where it is none
                    for number, line in read_lines(file)
                ]
                assert records, f"{file} is empty"

    def test_no_file_is_handed_over_twice(self, tasks: list[TaskFiles]) -> None:
        uses = Counter(file.resolve() for task in tasks for file in (*task.train, *task.valid))
        assert [str(file) for file, count in uses.items() if count > 1] == []

    def test_a_second_call_hands_over_the_same(self, path: Path | None, cache: Path, tasks: list[TaskFiles]) -> None:
        def contents() -> list[str]:
            return [inspect_file(file).digest for task in tasks for file in (*task.train, *task.valid)]

        before = contents()
        assert self.build().tasks(DataRequest(path, cache)) == tasks
        assert contents() == before
