"""Tasks by their files, split into those that a field of their records names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mft_core.data.field_scan import MOST_TASKS, file_parts, too_many_tasks
from mft_core.data.readers import Readers
from mft_core.errors import UsageError
from mft_core.records import TaskFiles
from mft_core.support.lists import first_few
from mft_core.support.reading import RecordForm
from mft_core.support.shared_files import FileParts, SharedFiles
from mft_core.support.suggestions import did_you_mean


def field_of(task: TaskFiles, form: RecordForm) -> str:
    """The field that splits a task: its own, else that of `form`, which holds for all; "": none does."""
    return (task.form.task_field if task.form else "") or form.task_field


def split_by_field(tasks: Sequence[TaskFiles], form: RecordForm, readers: Readers, cache: Path) -> list[TaskFiles]:
    """Tasks whose records a field tells apart in place of those that are given by their files, the others as they are.

    All files with one field are one data set: the same value in two of them is the same task. Its files are those that
    have a record of it; where none of these validates, it gives up a share of its training records as others do.

    Args:
        tasks: by their files.
        form: of the records of tasks that have none of their own.
        readers: of the files.
        cache: a folder for what is found in them.

    Raises:
        UsageError: no record has the field, it has too many values, two of them would have the same name, or what two
            entries say of one task is not the same.
        MftError: a file cannot be read.
    """
    result: list[TaskFiles] = []
    fields = [field_of(task, form) for task in tasks]
    for number, (field, task) in enumerate(zip(fields, tasks, strict=True)):
        if not field:
            result.append(task)
        elif field not in fields[:number]:
            of_field = [replace(other, form=replace(other.form or form, task_field=field))
                        for other, its_field in zip(tasks, fields, strict=True) if its_field == field]  # fmt: skip
            result += _split(field, of_field, readers, cache)
    return result


def _split(field: str, entries: Sequence[TaskFiles], readers: Readers, cache: Path) -> Iterator[TaskFiles]:
    parts = {
        path: file_parts(path, entry.reader, readers, field, cache)
        for entry in entries
        for path in (*entry.train, *entry.valid)
    }
    shared = SharedFiles(field, parts, {entry.name: entry.addresses for entry in entries})
    _refuse_same_name(field, parts)
    train = _by_name([(entry, path) for entry in entries for path in entry.train], parts)
    valid = _by_name([(entry, path) for entry in entries for path in entry.valid], parts)
    if not train:
        raise _nowhere(field, [path for entry in entries for path in entry.train], parts)
    if len(train) > MOST_TASKS:
        raise too_many_tasks(field, train)
    for name in sorted(train):
        told = _same_options(field, name, [entry for entry, _ in train[name]])
        yield replace(
            told,
            name=name,
            train=_paths(train[name]),
            valid=_paths(valid.get(name, ())),
            shared=shared,
            of_entry=told.name,
        )


def _by_name(
    files: Iterable[tuple[TaskFiles, Path]], parts: Mapping[Path, FileParts]
) -> dict[str, list[tuple[TaskFiles, Path]]]:
    """By task, the files that have a record of it, each with its entry."""
    found: dict[str, list[tuple[TaskFiles, Path]]] = defaultdict(list)
    for entry, path in files:
        for name in parts[path].names:
            found[name].append((entry, path))
    return found


def _refuse_same_name(field: str, parts: Mapping[Path, FileParts]) -> None:
    first: dict[str, str] = {}
    for part in parts.values():
        for name, value in zip(part.names, part.values, strict=True):
            other = first.setdefault(name, value)
            if other != value:
                raise UsageError(
                    f"task_field: {other!r} and {value!r}, two values of {field!r}, would both be the task {name!r}.",
                    'Rename one of them: a name has letters, digits, "-", "_" and "."; "_" stands for all else.',
                )


def _nowhere(field: str, paths: Sequence[Path], parts: Mapping[Path, FileParts]) -> UsageError:
    keys = {key for part in parts.values() for key in part.keys}
    files = first_few(paths, of_what="files")
    return UsageError(f"task_field: no record of {files} has a {field!r} that names a task.", did_you_mean(field, keys))


def _same_options(field: str, name: str, entries: Sequence[TaskFiles]) -> TaskFiles:
    """The first of the entries that have records of a task, which say the same of it but where it lies."""
    first = entries[0]
    for other in entries[1:]:
        keys = ("weight", "reader", "form", "sampling")
        differing = [key for key in keys if getattr(first, key) != getattr(other, key)]
        if differing:
            raise UsageError(
                f"task_field: {name!r} of {field!r} is in {first.name!r} and in {other.name!r}, and {differing[0]} of "
                "the two is not the same.",
                "Say the same of both, or name the field for one of them only.",
            )
    return first


def _paths(files: Iterable[tuple[TaskFiles, Path]]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(path for _, path in files))
