"""Which files make up a task: folders, globs and single files; training never takes in held-out files."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from mft_core.data.file_kinds import TEST, TRAIN, VALIDATION, is_json_lines, kind, stem
from mft_core.data.tasks import validate_task_name
from mft_core.errors import MftError, UsageError
from mft_core.records import TaskFiles
from mft_core.support.unicode_names import as_on_disk, composed

HELD_OUT = (*VALIDATION, TEST)
LAYOUT = (
    "Expected JSON Lines: TASK/train.jsonl (and, if you like, TASK/valid.jsonl), or TASK.jsonl; "
    "or .ndjson or .json in its place, each with .gz if you like."
)
MOVED = "If the data has moved, name its new place: --data DIR."

ExplicitTask = tuple[str, str, str | None, float]
"""name, train (file, glob or folder), valid (the same, or None), weight."""


def explicit_tasks(entries: Sequence[ExplicitTask], root: Path) -> list[TaskFiles]:
    """Tasks that the recipe (`[[data.tasks]]`) or `--task NAME=PATH` names one by one, in that order.

    A folder stands for the files in it, as in `folder_task`. A glob leaves out held-out files and the task's own
    validation files, so that "text2code/*.jsonl" does not train on valid.jsonl; a file named in full is always taken.

    Args:
        entries: the tasks.
        root: what relative paths are relative to.

    Raises:
        MftError: nothing found.
    """
    return [_explicit_task(entry, root) for entry in entries]


def folder_task(name: str, folder: Path) -> TaskFiles | None:
    """The task whose files lie directly in `folder`; None where no file of it is JSONL.

    Training: train.jsonl, or train-00001.jsonl and so on; where there is none, every file that is not held out.
    Validation: the first kind found of `VALIDATION`. Test files are left alone, as `kind` knows them.

    Raises:
        MftError: held-out files only, or train.jsonl beside train.jsonl.gz.
    """
    files = jsonl_files(folder)
    if not files:
        return None
    train = _of_kind(files, TRAIN) or [path for path in files if not is_held_out(path, files)]
    if not train:
        raise MftError(f"Task {name!r}: {folder} holds validation or test data, but no training data.", LAYOUT)
    kinds = (_of_kind(files, name) for name in VALIDATION)
    return TaskFiles(name, tuple(train), tuple(next(filter(None, kinds), ())))


def jsonl_files(folder: Path) -> list[Path]:
    """The JSONL files directly in `folder`, sorted by name, hidden ones left out.

    Raises:
        MftError: the same file twice, plain and gzip, or with another suffix.
    """
    files = sorted(path for path in folder.iterdir() if is_json_lines(path))
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
    return UsageError(f"Two tasks are called {name!r}{where}.", "Give each task a name of its own.")


def _explicit_task(entry: ExplicitTask, root: Path) -> TaskFiles:
    name, train, valid, weight = entry
    valid_files = _find(name, "validation", valid, root) if valid else ()
    folder = as_on_disk(root / Path(train).expanduser())
    if folder.is_dir():
        task = folder_task(name, folder)
        if task is None:
            raise UsageError(f"Task {name!r}: no JSONL file in {folder}.", LAYOUT)
        return TaskFiles(name, _without(name, task.train, valid_files), valid_files or task.valid, weight)
    return TaskFiles(name, _without(name, _find(name, "training", train, root), valid_files), valid_files, weight)


def _find(name: str, side: str, pattern: str, root: Path) -> tuple[Path, ...]:
    """The files of a path: itself, or what the glob finds."""
    path = as_on_disk(root / Path(pattern).expanduser())
    if path.is_file():
        return (path,)
    found = jsonl_files(path) if path.is_dir() else _matches(path)
    if side == "training":
        found = [hit for hit in found if not is_held_out(hit, found)]
    if not found:
        raise UsageError(
            f"Task {name!r}: no {side} file at {path}.", f"Give a JSONL file, a glob, or a folder of them. {MOVED}"
        )
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
