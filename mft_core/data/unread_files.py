"""Files that lie where data is looked for and that nobody reads, each with the reason."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mft_core.data.file_kinds import COMPANION, TEST, VALIDATION, kind, stem
from mft_core.data.readers import Readers
from mft_core.data.split_files import SPLITS
from mft_core.records import TaskFiles
from mft_core.support import run_files
from mft_core.support.lists import first_few

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file, and why it is not read."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def unread_files(root: Path, tasks: Collection[TaskFiles], readers: Readers) -> Iterator[UnreadFile]:
    """The files under `root`, sorted by folder and name, that no task reads; hidden ones and READMEs are left out.

    Args:
        tasks: all of them; those in other folders do not matter.
        readers: know which files hold records.
    """
    read = {path.resolve() for task in tasks for path in (*task.train, *task.valid)}
    folders_read = {path.parent for path in read}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(folder)
        made = here / run_files.MADE if (here / run_files.MAKING).is_dir() else None
        beside = [stem(here / name) for name in names]
        for name in sorted(names):
            path = here / name
            no_data = name.startswith(".") or COMPANION.fullmatch(name) or path == made
            if not no_data and path.resolve() not in read:
                yield UnreadFile(path, _reason(path, root, beside, here.resolve() in folders_read, readers))


def unread_warnings(files: Iterable[UnreadFile], root: Path) -> Iterator[str]:
    """One line for each reason, naming the files by their paths, in `root` where they lie there."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for file in files:
        inside = file.path.is_relative_to(root)
        by_reason[file.reason].append((file.path.relative_to(root) if inside else file.path).as_posix())
    for reason, names in by_reason.items():
        yield f"not read: {first_few(names, most=MOST_NAMED, of_what='files')} ({reason})"


def _reason(path: Path, root: Path, beside: Collection[str], is_read_folder: bool, readers: Readers) -> str:
    if any(part.startswith("_") for part in path.relative_to(root).parts[:-1]):
        return "in a folder whose name starts with _"
    reader = readers.by_suffix(path)
    if reader is None:
        return f"no kind of file that is read: {', '.join(readers.suffixes)}, compressed if you like"
    if not reader.recognises(path):
        return reader.unread_hint or "it holds no records"
    saved = (path.parent.parent / SPLITS).is_file()
    what = kind(path.parent.name) if saved and not is_read_folder else kind(stem(path), beside)
    if what == TEST:
        return "test data"
    if what in VALIDATION:
        return "validation data comes from another file"
    if saved and not is_read_folder:
        return "another split of a data set saved to disk trains: name it with --task NAME=FOLDER"
    if is_read_folder and reader.documents:
        return "plain text beside records may be notes on them: name it with --task NAME=PATH"
    if is_read_folder:
        return "only the files called train are training data where there are any"
    return "too deep: a task is a folder of files, or a file, in the data folder"
