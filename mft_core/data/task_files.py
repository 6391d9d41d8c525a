"""Which files make up a task: folders, globs and single files; training never takes in held-out files."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mft_core.data.file_kinds import TEST, TRAIN, VALIDATION, kind, stem
from mft_core.data.readers import Readers
from mft_core.data.source import Fetched
from mft_core.data.split_files import saved_splits, sides_of
from mft_core.data.tasks import validate_task_name
from mft_core.errors import MftError, UsageError
from mft_core.recipe.addresses import Address, address_of
from mft_core.records import TaskFiles
from mft_core.support.reading import EVERY_SAMPLE, ReaderChoice, RecordForm, TaskSampling
from mft_core.support.unicode_names import as_on_disk, composed

HELD_OUT = (*VALIDATION, TEST)
LAYOUT = (
    "Expected TASK/train.jsonl (and, if you like, TASK/valid.jsonl), or TASK.jsonl; or another kind of file that is "
    "read, compressed if you like: .json, .csv, .tsv, .parquet, .arrow, .txt; `mft list reader` has them all."
)
MOVED = "If the data has moved, name its new place: --data DIR."


class ExplicitTask(NamedTuple):
    """A task by its files: each of `train` and `valid` is a file, a glob or a folder."""

    name: str
    train: str
    valid: str = ""
    weight: float = 1.0
    reader: ReaderChoice | None = None
    form: RecordForm | None = None
    sampling: TaskSampling = EVERY_SAMPLE


Fetch = Callable[[Address], Fetched | None]
"""Fetches what an address stands for; None where there is no such source, so that it is a path."""


def explicit_tasks(
    entries: Sequence[ExplicitTask], root: Path, readers: Readers, fetch: Fetch = lambda address: None
) -> list[TaskFiles]:
    """Tasks that the recipe (`[[data.tasks]]`) or `--task NAME=PATH` names one by one, in that order.

    A folder stands for the files in it, as in `folder_task`. A glob leaves out held-out files and the task's own
    validation files, so that "text2code/*.jsonl" does not train on valid.jsonl; a file named in full is always taken.

    Args:
        entries: the tasks.
        root: what relative paths are relative to.
        readers: know which files of a folder hold records.
        fetch: for addresses in place of files.

    Raises:
        MftError: nothing found.
    """
    return [_explicit_task(entry, root, readers, fetch) for entry in entries]


def folder_task(name: str, folder: Path, readers: Readers) -> TaskFiles | None:
    """The task whose files lie directly in `folder`; None where no file of it holds records.

    A folder that `datasets.save_to_disk` wrote has the splits that it names.

    Training: train.jsonl, or train-00001.jsonl and so on; where there is none, every file that is not held out.
    Validation: the first kind found of `VALIDATION`. Test files are left alone, as `kind` knows them.

    Raises:
        MftError: held-out files only, or train.jsonl beside train.jsonl.gz.
    """
    if (splits := saved_splits(folder)) is not None:
        return TaskFiles(name, *sides_of(splits, f"Task {name!r}: {folder}"))
    files = record_files(folder, readers)
    if not files:
        return None
    train = _of_kind(files, TRAIN) or [path for path in files if not is_held_out(path, files)]
    if not train:
        watch = f'To measure it and never train: an entry of [[data.tasks]] with name = "{name}" and role = "watch".'
        raise MftError(
            f"Task {name!r}: {folder} holds validation or test data, but no training data.", f"{LAYOUT} {watch}"
        )
    kinds = (_of_kind(files, name) for name in VALIDATION)
    return TaskFiles(name, tuple(train), tuple(next(filter(None, kinds), ())))


def watched_folder_task(name: str, folder: Path, readers: Readers) -> TaskFiles | None:
    """As `folder_task`, of a task that is only measured: held-out files, or splits, are data like any other.

    Raises:
        MftError: train.jsonl beside train.jsonl.gz.
    """
    splits = saved_splits(folder)
    files = record_files(folder, readers) if splits is None else [path for paths in splits.values() for path in paths]
    return TaskFiles(name, tuple(files)) if files else None


def record_files(folder: Path, readers: Readers) -> list[Path]:
    """The files directly in `folder` that hold records, sorted by name, hidden ones left out.

    Documents are taken only where there is nothing else, since beside records they may be notes on them.

    Raises:
        MftError: the same name twice: plain and compressed, or with another suffix.
    """
    found = sorted(path for path in folder.iterdir() if readers.reads(path))
    return refuse_same_stem([path for path in found if not readers.holds_documents(path)] or found)


def refuse_same_stem(files: list[Path]) -> list[Path]:
    """The files of one folder, no two of which have the same name but for their suffixes; errors as `record_files`."""
    by_stem: dict[str, Path] = {}
    for path in files:
        other = by_stem.setdefault(stem(path), path)
        if other is not path:
            raise MftError(f"{other} and {path.name} lie side by side.", "Keep one of the two.")
    return files


def is_held_out(path: Path, beside: Sequence[Path] = ()) -> bool:
    """Whether the name says that the file is not for training, given the files it lies beside."""
    return kind(stem(path), (stem(other) for other in beside)) in HELD_OUT


def check_names(tasks: Sequence[TaskFiles]) -> None:
    """Refuse names that cannot name a task, and two tasks with one name: once for all tasks, whatever found them.

    Raises:
        UsageError: there is one.
    """
    first: dict[str, TaskFiles] = {}
    for task in tasks:
        other = first.setdefault(validate_task_name(task.name), task)
        if other is not task:
            raise _same_name(task.name, other.train[:1], task.train[:1])


def _same_name(name: str, one: tuple[Path, ...], other: tuple[Path, ...]) -> UsageError:
    """Two paths that look the same are shown by their characters too."""
    paths = [str(path) for path in (*one, *other)]
    if len(paths) == 2 and paths[0] != paths[1] and composed(paths[0]) == composed(paths[1]):
        return UsageError(
            f"Two tasks are called {name!r}, by names that differ only in Unicode's form:\n"
            + "\n".join(f"  {path} = {path!a}" for path in paths),
            "Rename one of the two, or put their files into one folder.",
        )
    where = f": {' and '.join(paths)}" if paths else ""
    hint = "Give each task a name of its own."
    if paths and one == other:
        hint = "The data has this task by itself: leave `train` out of its entry, which then gives options of it."
    return UsageError(f"Two tasks are called {name!r}{where}.", hint)


def _explicit_task(entry: ExplicitTask, root: Path, readers: Readers, fetch: Fetch) -> TaskFiles:
    if fetched := _fetched(entry.valid, fetch):
        valid_files, valid_address = fetched.train, _pinned(entry.valid, fetched)
    else:
        valid_files = _find(entry, "validation", entry.valid, root, readers) if entry.valid else ()
        valid_address = ""
    if fetched := _fetched(entry.train, fetch):
        train, valid = fetched.train, valid_files or fetched.valid
        addresses, reader = (_pinned(entry.train, fetched), valid_address), entry.reader or fetched.reader
        kept = _without(entry.name, train, valid)
        return TaskFiles(entry.name, kept, valid, entry.weight, reader, entry.form, entry.sampling, addresses)
    task = _found_task(entry, root, readers, valid_files)
    return replace(task, addresses=("", valid_address))


def _fetched(text: str, fetch: Fetch) -> Fetched | None:
    address = address_of(text)
    return fetch(address) if address else None


def _pinned(text: str, fetched: Fetched) -> str:
    return f"{text.partition(':')[0]}:{fetched.pinned}"


def _found_task(entry: ExplicitTask, root: Path, readers: Readers, valid_files: tuple[Path, ...]) -> TaskFiles:
    name = entry.name
    folder = as_on_disk(root / Path(entry.train).expanduser())
    if folder.is_dir():
        task = (watched_folder_task if entry.sampling.watched else folder_task)(name, folder, readers)
        if task is None:
            raise UsageError(f"Task {name!r}: no file of records in {folder}.", LAYOUT)
        train, valid = task.train, valid_files or task.valid
    else:
        train, valid = _find(entry, "training", entry.train, root, readers), valid_files
    return TaskFiles(
        name, _without(name, train, valid_files), valid, entry.weight, entry.reader, entry.form, entry.sampling
    )


def _find(entry: ExplicitTask, side: str, pattern: str, root: Path, readers: Readers) -> tuple[Path, ...]:
    """The files of a path: itself, or what the glob finds."""
    path = as_on_disk(root / Path(pattern).expanduser())
    if path.is_file():
        return (path,)
    found = record_files(path, readers) if path.is_dir() else _matches(path)
    if side == "training" and not entry.sampling.watched:
        found = [hit for hit in found if not is_held_out(hit, found)]
    if not found:
        hint = f"Give a file, a glob, or a folder of files. {MOVED}"
        raise UsageError(f"Task {entry.name!r}: no {side} file at {path}.", hint)
    return tuple(found)


def _matches(pattern: Path) -> list[Path]:
    """What a glob finds; folders that are there are no pattern, whatever brackets are in their names."""
    folder = next(parent for parent in pattern.parents if parent.is_dir())
    found = glob.glob(str(pattern.relative_to(folder)), root_dir=folder, recursive=True)  # noqa: PTH207 - as in a shell
    return sorted(path for path in (folder / name for name in found) if path.is_file())


def _without(name: str, train: tuple[Path, ...], valid: tuple[Path, ...]) -> tuple[Path, ...]:
    held_out = {path.resolve() for path in valid}
    kept = tuple(path for path in train if path.resolve() not in held_out)
    if not kept:
        raise MftError(f"Task {name!r}: every training file is also a validation file.", "Keep the two apart.")
    return kept


def _of_kind(files: Sequence[Path], wanted: str) -> list[Path]:
    """Files called KIND, KIND-00001, KIND2, KIND.part1 and the like."""
    stems = [stem(path) for path in files]
    return [path for path in files if kind(stem(path), stems) == wanted]
