"""Files that several tasks share, split by a field of their records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from helpers.readers import READERS
from helpers.token_data import pair, task_file
from mft_core.data.shared_tasks import split_by_field
from mft_core.records import TaskFiles
from mft_core.support.reading import RecordForm

FORM = RecordForm(task_field="channel")


def of(channel: object, number: int) -> dict:
    """A record of a task."""
    return {**pair(number), "channel": channel}


def split(folder: Path, *tasks: TaskFiles, form: RecordForm = FORM) -> list[TaskFiles]:
    """The tasks that the records of `tasks` name."""
    return split_by_field(tasks, form, READERS, folder / "fields")


def shared_file(folder: Path, records: Sequence[object], valid: Sequence[object] = ()) -> list[TaskFiles]:
    """The tasks of one file, and of one that validates."""
    train = task_file(folder / "mix.jsonl", records)
    held_out = (task_file(folder / "mix_valid.jsonl", valid),) if valid else ()
    return split(folder, TaskFiles("mix", (train,), held_out))
