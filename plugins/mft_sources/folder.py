"""A folder of task folders, or of one file per task."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from mft_core.data.file_kinds import COMPANION, stem
from mft_core.data.readers import Readers
from mft_core.data.split_files import saved_splits, sides_of
from mft_core.data.task_files import LAYOUT, MOVED, folder_task, is_held_out, refuse_same_stem, watched_folder_task
from mft_core.data.unread_files import unread_files
from mft_core.errors import MftError, UsageError, together
from mft_core.interfaces import DataRequest, Source
from mft_core.records import TaskFiles
from mft_core.support import run_files
from mft_core.support.run_folders import files_of_run, is_run
from mft_core.support.suggestions import folders_in
from mft_core.support.unicode_names import as_on_disk, composed

TRAINING = re.compile(r"train[\W\d_]*", re.IGNORECASE)
"""Stems of files in `data.path` itself that make it one task."""

MOST_SHOWN = 10


class Folder(Source):
    """`data.path`, which holds task folders (`TASK/train.jsonl`), files (`TASK.jsonl`), or is one task itself."""

    def tasks(self, request: DataRequest) -> list[TaskFiles]:
        """One task per folder or file, sorted by name; hidden ones (".x", "_x") are left alone."""
        if request.path is None:
            raise UsageError("The source 'folder' needs a folder.", "Name it with --data or data.path.")
        root = as_on_disk(request.path.expanduser())
        if not root.is_dir():
            single = f"A file by itself is a task: --task {stem(root)}={request.path}" if root.is_file() else ""
            raise UsageError(f"{root} is not a folder.", single or f"{MOVED} {LAYOUT}")
        tasks = _tasks(root, request)
        if not tasks:
            unread = "".join(f"\n  {file}" for file in islice(unread_files(root, (), request.readers), MOST_SHOWN))
            raise UsageError(f"There is no task in {root}.{unread}", LAYOUT)
        for task in tasks:
            _check_inside(task, root)
        return sorted(tasks, key=lambda task: task.name)


def _tasks(root: Path, request: DataRequest) -> list[TaskFiles]:
    readers, watched = request.readers, request.watched
    if (splits := saved_splits(root)) is not None:
        return [TaskFiles(root.resolve().name, *sides_of(splits, str(root)))]
    found = sorted(root.iterdir())
    files = refuse_same_stem([path for path in found if readers.reads(path) and not COMPANION.fullmatch(path.name)])
    if any(TRAINING.fullmatch(stem(path)) for path in files):
        task = folder_task(root.resolve().name, root, readers)
        return [task] if task is not None else []
    _refuse_run_among_tasks(root)
    folders = [path for path in found if path.is_dir() and not path.name.startswith((".", "_"))]
    return _all_or_every_error(
        [
            *(partial(_folder, path, readers, composed(path.name) in watched) for path in folders),
            *(partial(_file, path, files, composed(stem(path)) in watched) for path in files),
        ]
    )


def _all_or_every_error(makers: Sequence[Callable[[], TaskFiles]]) -> list[TaskFiles]:
    """What they make; where some of them fail, one error that says all of it."""
    tasks, errors = [], []
    for make in makers:
        try:
            tasks.append(make())
        except MftError as error:
            errors.append(error)
    if errors:
        raise together(errors[:MOST_SHOWN])
    return tasks


def _refuse_run_among_tasks(root: Path) -> None:
    """A recipe beside the tasks is no run; of what a run writes, one name may be a task's."""
    names = files_of_run(root)
    if is_run(root) or len(set(names) - {run_files.RECIPE}) > 1:
        raise MftError(
            f"The data folder {root} holds the files of a run: {', '.join(names)}.",
            "Move them to a folder of their own, or remove them; give every run an --output outside of the data.",
        )


def _folder(folder: Path, readers: Readers, watched: bool) -> TaskFiles:
    if any(is_run(place) for place in (folder, *folders_in(folder))):
        raise MftError(f"{folder} holds a run, not a task.", "Move it out of the data folder, or rename it to _NAME.")
    task = (watched_folder_task if watched else folder_task)(folder.name, folder, readers)
    if task is None:
        unread = "".join(f"\n  {file}" for file in islice(unread_files(folder, (), readers), MOST_SHOWN))
        hint = f"{LAYOUT} Move away what is no task, or name the tasks one by one."
        raise MftError(f"{folder} holds no file of records.{unread}", hint)
    return task


def _file(path: Path, beside: list[Path], watched: bool) -> TaskFiles:
    if is_held_out(path, beside) and not watched:
        raise MftError(
            f"{path} looks like validation or test data, not like a task.",
            "Rename it, or name the tasks one by one with --task NAME=PATH or [[data.tasks]].",
        )
    return TaskFiles(stem(path), (path,))


def _check_inside(task: TaskFiles, root: Path) -> None:
    inside = root.resolve()
    for path in (*task.train, *task.valid):
        if not path.resolve().is_relative_to(inside):
            raise MftError(
                f"Task {task.name!r}: {path} is a link out of {root}.", "Copy the file, or name it with [[data.tasks]]."
            )
