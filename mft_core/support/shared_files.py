"""Files that hold the records of many tasks, told apart by a field of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mft_core.support.reading import ReaderChoice


@dataclass(frozen=True, slots=True, eq=False)
class FileParts:
    """Which task each record of a file belongs to.

    Attributes:
        values: the different values of the field, as text, in the order in which they first stand in the file.
        names: of each value, the task that it names.
        numbers: int16 [records], in their order in the file: which of the values a record has; -1: none that names one.
        keys: of the first record without the field, for messages.
        digest: of the file's content, as its reader has it.
        size: of the file in bytes, likewise.
        reader: of the file; None: the one that its suffix asks for.
    """

    values: Sequence[str]
    names: Sequence[str]
    numbers: np.ndarray
    keys: Sequence[str]
    digest: str
    size: int
    reader: ReaderChoice | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SharedFiles:
    """Files that hold the records of many tasks, told apart by a field.

    Attributes:
        field: its name.
        parts: of every file, in the order in which they are read.
        entries: of what was given as one task each, the name and the addresses, as `TaskFiles` has them.
    """

    field: str
    parts: Mapping[Path, FileParts]
    entries: Mapping[str, tuple[str, str]]

    @property
    def records(self) -> int:
        """Of all files."""
        return sum(len(parts.numbers) for parts in self.parts.values())

    @property
    def without_task(self) -> tuple[Path, ...]:
        """The files that hold a record of no task."""
        return tuple(path for path, parts in self.parts.items() if (parts.numbers < 0).any())
