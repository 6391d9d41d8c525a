"""A place task data comes from: what a source's plugin implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mft_core.data.readers import Readers, installed_readers
from mft_core.errors import UsageError
from mft_core.records import TaskFiles
from mft_core.registry.options import Configurable, SomeOptions
from mft_core.support.reading import ReaderChoice


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What a Source may use.

    Attributes:
        path: `data.path` (`--data`), or None.
        cache: a folder for what the source makes or downloads.
        readers: know which files hold records.
        watched: names of tasks that are only measured, as far as they are known: files of theirs that are called after
            validation or testing are data like any other, and enough.
    """

    path: Path | None
    cache: Path
    readers: Readers = field(default_factory=installed_readers)
    watched: Collection[str] = ()


class Fetched(NamedTuple):
    """What an address stands for.

    Attributes:
        train: training files.
        valid: validation files; empty: there are none.
        pinned: the address that means the same data later, without the source's name.
        reader: of all the files; None: for each the one that its suffix asks for.
    """

    train: tuple[Path, ...]
    valid: tuple[Path, ...]
    pinned: str
    reader: ReaderChoice | None = None


class Source(Configurable[SomeOptions]):
    """A place task data comes from. It hands over files, and how to read them where their suffix does not say so;
    reading them, splitting and counting is the core's."""

    def fetch(self, address: str, request: DataRequest) -> Fetched:
        """The files that an address stands for, "SOURCE:ADDRESS" in place of files of a task; a source need not know
        any.

        Raises:
            UsageError: it can be no address.
            MftError: nothing there, or it cannot be had.
        """
        raise UsageError(f"The source of {address!r} fetches nothing by an address.", "Name it in data.source.")

    def pinned_options(self) -> dict[str, Any]:
        """After `tasks`: the options that mean the same data later, JSON values; they are written into the run."""
        return self.options.model_dump(mode="json")

    @abstractmethod
    def tasks(self, request: DataRequest) -> list[TaskFiles]:
        """The tasks, sorted by name, each with at least one training file.

        Raises:
            MftError: nothing there, a name that is no task name, a file that cannot be read.
        """
