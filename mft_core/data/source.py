"""A place task data comes from: what a source's plugin implements."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from mft_core.data.readers import Readers, installed_readers
from mft_core.records import TaskFiles
from mft_core.registry.options import Configurable, SomeOptions


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What a Source may use.

    Attributes:
        path: `data.path` (`--data`), or None.
        cache: a folder for what the source makes or downloads.
        readers: know which files hold records.
    """

    path: Path | None
    cache: Path
    readers: Readers = field(default_factory=installed_readers)


class Source(Configurable[SomeOptions]):
    """A place task data comes from. It hands over files, and how to read them where their suffix does not say so;
    reading them, splitting and counting is the core's."""

    @abstractmethod
    def tasks(self, request: DataRequest) -> list[TaskFiles]:
        """The tasks, sorted by name, each with at least one training file.

        Raises:
            MftError: nothing there, a name that is no task name, a file that cannot be read.
        """
