"""What lies in the folders that the board was started with, each thing known by a name that is no path.

Requests name things by these names alone, so that no request can lead out of the folders; and what a symbolic link
points to outside of them is not found.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mft_core.comparison.writing import JSON_FILE
from mft_core.errors import UsageError
from mft_core.support import run_files
from mft_core.support.suggestions import nearest_folder

RUN, COMPARISON, AUDIT = "run", "comparison", "audit"
WITNESSES = {RUN: run_files.METRICS, COMPARISON: JSON_FILE}
NOT_ENTERED = frozenset(
    {run_files.CHECKPOINTS, run_files.FINAL, run_files.EVALUATIONS, "tensorboard", "node_modules", "__pycache__"}
)
ENVIRONMENT = "pyvenv.cfg"
DEEPEST = 8
SECONDS_BETWEEN = 2.0
"""However many ask, folders are looked through so often at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """Something that was found.

    Attributes:
        kind: "run" or "comparison", a folder; "audit", a file.
        path: where it lies.
        title: its path below the folder that it was found in, with that one's name where there are several.
        key: what requests call it.
    """

    kind: str
    path: Path
    title: str

    @property
    def key(self) -> str:
        """Letters and digits that stand for the path."""
        return hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]

    @property
    def witness(self) -> Path:
        """The file that it is known by, and read from."""
        return self.path / WITNESSES[self.kind] if self.kind in WITNESSES else self.path


@dataclass
class Places:
    """All that is found below some folders, looked up anew now and then.

    Attributes:
        roots: the folders, without symbolic links in their paths.
    """

    roots: Sequence[Path]
    clock: Callable[[], float] = time.monotonic
    _found: Mapping[str, Place] = field(default_factory=dict)
    _looked: float = -SECONDS_BETWEEN
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def all(self, kind: str) -> list[Place]:
        """Everything of a kind."""
        return [place for place in self._current().values() if place.kind == kind]

    def find(self, kind: str, key: str) -> Place | None:
        """What a request means; None: there is no such thing (any more)."""
        place = self._current().get(key)
        return place if place and place.kind == kind and self.holds(place.witness) else None

    def holds(self, path: Path) -> bool:
        """Whether a path lies in the folders, after all symbolic links were followed."""
        return lies_in(path, self.roots)

    def _current(self) -> Mapping[str, Place]:
        with self._lock:
            if self.clock() - self._looked >= SECONDS_BETWEEN:
                self._found = {place.key: place for root in self.roots for place in self._below(root)}
                self._looked = self.clock()
            return self._found

    def _below(self, root: Path) -> Iterator[Place]:
        for folder, folders, files in os.walk(root):
            here = Path(folder)
            deep = len(here.parts) - len(root.parts) >= DEEPEST
            folders[:] = [] if deep else sorted(name for name in folders if not _is_skipped(here / name))
            for kind, path in _kinds(here, files):
                place = Place(kind, path, self._title(root, path))
                if self.holds(place.witness):
                    yield place

    def _title(self, root: Path, path: Path) -> str:
        below = path.relative_to(root)
        named = path.name if below == Path() else str(below)
        return named if len(self.roots) == 1 else f"{root.name}: {named}"


def _is_skipped(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.name in NOT_ENTERED or (folder / ENVIRONMENT).exists()


def _kinds(folder: Path, files: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """What a folder is, by the files in it; the log of a comparison tells nothing but that it is complete."""
    if JSON_FILE in files:
        yield COMPARISON, folder
    elif run_files.METRICS in files:
        yield RUN, folder
    for name in files:
        if name.endswith(".json") and "audit" in name:
            yield AUDIT, folder / name


def lies_in(path: Path, roots: Sequence[Path]) -> bool:
    """Whether a path lies in folders without symbolic links in their own paths, after all its links were followed."""
    real = Path(os.path.realpath(path))
    return any(real == root or root in real.parents for root in roots)


def open_places(folders: Sequence[Path]) -> Places:
    """The folders that a user names.

    Raises:
        UsageError: one is not there.
    """
    for folder in folders:
        if not folder.is_dir():
            near = nearest_folder(folder)
            raise UsageError(f"there is no folder {folder}", f"Did you mean {near}?" if near else "Name a folder.")
    return Places(list(dict.fromkeys(Path(os.path.realpath(folder)) for folder in folders)))
