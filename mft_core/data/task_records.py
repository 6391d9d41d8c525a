"""The records of tasks as they stand in the files; a file is read once, however many tasks share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mft_core.data.field_scan import NO_TASK, numbered_records
from mft_core.data.reader import RawRecord
from mft_core.data.readers import Readers
from mft_core.records import TaskFiles
from mft_core.support.shared_files import SharedFiles


class TaskRecord(NamedTuple):
    """A record of a task, and the file it stands in, which validates or trains."""

    task: TaskFiles
    path: Path
    validates: bool
    record: RawRecord


def task_records(tasks: Sequence[TaskFiles], readers: Readers) -> Iterator[TaskRecord]:
    """Every record of every task, in their order; of those that share files, in the order of the first one's files.

    Raises:
        MftError: a file cannot be read.
    """
    seen: set[SharedFiles] = set()
    for task in tasks:
        if task.shared is None:
            for path in (*task.train, *task.valid):
                for record in readers.reader_of(path, task.reader).records(path):
                    yield TaskRecord(task, path, path in task.valid, record)
        elif task.shared not in seen:
            seen.add(task.shared)
            yield from _shared_records(task.shared, [other for other in tasks if other.shared is task.shared], readers)


def _shared_records(shared: SharedFiles, tasks: Sequence[TaskFiles], readers: Readers) -> Iterator[TaskRecord]:
    by_name = {task.name: task for task in tasks}
    for path, parts in shared.parts.items():
        owners = [by_name.get(name) for name in parts.names]
        if not any(owner and path in (*owner.train, *owner.valid) for owner in owners):
            continue
        for record, value in numbered_records(path, parts, readers.reader_of(path, parts.reader)):
            owner = owners[value] if value != NO_TASK else None
            if owner is not None:
                yield TaskRecord(owner, path, path in owner.valid, record)
