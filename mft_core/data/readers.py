"""The readers that there are, and which of them reads a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mft_core.data.compression import uncompressed_name
from mft_core.data.file_kinds import NO_DATA
from mft_core.data.reader import Reader
from mft_core.errors import MftError
from mft_core.records import TaskFiles
from mft_core.registry.catalog import Catalog, Entry
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.support.reading import ReaderChoice

FALLBACK = ReaderChoice("jsonl")
"""Reads files that a user named and whose suffix says nothing."""


class Readers:
    """All readers of all plugins, each built with its default options; one that cannot be loaded reads nothing.

    Where two readers have the same suffix, the first by name reads, unless the other is chosen.

    Args:
        catalog: what there is.

    Raises:
        MftError: a reader that an opened run was made with is gone: its files would be left alone.

    Attributes:
        broken: by the name of a reader that cannot be loaded: why.
    """

    def __init__(self, catalog: Catalog) -> None:
        catalog.require_recorded("reader")
        self._catalog = catalog
        self._by_name: dict[str, Reader] = {}
        self.broken: dict[str, str] = {}
        for entry in catalog.of_kind("reader"):
            name = f"{entry.plugin}/{entry.name}"
            try:
                self._by_name[name] = catalog.build("reader", name)
            except MftError as error:
                self.broken[name] = error.message

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of the files that are read, sorted."""
        return tuple(sorted({suffix for reader in self._by_name.values() for suffix in reader.suffixes}))

    def by_suffix(self, path: Path) -> Reader | None:
        """The reader that a file's name asks for; None where it asks for none, or is hidden."""
        if path.name.startswith("."):
            return None
        return self._by_name.get(self._name_by_suffix(path))

    def _name_by_suffix(self, path: Path) -> str:
        name = uncompressed_name(path.name).lower()
        return next((known for known, reader in self._by_name.items() if name.endswith(reader.suffixes)), FALLBACK.name)

    def entries(self, tasks: Iterable[TaskFiles]) -> list[Entry]:
        """What reads the files of some tasks, by name, each once."""
        names = {
            task.reader.name if task.reader else self._name_by_suffix(path)
            for task in tasks
            for path in (*task.train, *task.valid)
        }
        found = {self._catalog.get("reader", name) for name in names}
        return sorted(found, key=lambda entry: (entry.name, entry.plugin))

    def reads(self, path: Path) -> bool:
        """Whether it is a file that holds records, by its name and, where a suffix may be anything, its content."""
        reader = self.by_suffix(path)
        return reader is not None and path.is_file() and not NO_DATA.fullmatch(path.name) and reader.recognises(path)

    def holds_documents(self, path: Path) -> bool:
        """Whether it is a file that anybody may put beside data, such as notes on it."""
        reader = self.by_suffix(path)
        return reader is not None and reader.documents

    def reader_of(self, path: Path, choice: ReaderChoice | None = None) -> Reader:
        """The reader of a file that is to be read: the one that was chosen, else the one that its suffix asks for, else
        that of JSON Lines.

        Raises:
            UsageError: there is no such reader, or its options are wrong.
            MftError: it cannot be used.
        """
        if choice is not None:
            return self.chosen(choice)
        return self.by_suffix(path) or self.chosen(FALLBACK)

    def chosen(self, choice: ReaderChoice, where: str = "reader") -> Reader:
        """The reader of that name with those options; raises as `reader_of`.

        Args:
            where: the key that names it, for messages.
        """
        reader: Reader = self._catalog.build("reader", choice.name, choice.options, where)
        return reader


def installed_readers() -> Readers:
    """The readers of the installed plugins, whatever a workspace disables or adds."""
    return Readers(discover(Workspace()).catalog)
