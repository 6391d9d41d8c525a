"""The readers that there are, and which of them reads a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mft_core.data.compression import compression, uncompressed_name
from mft_core.data.reader import Reader
from mft_core.errors import MftError
from mft_core.registry.catalog import Catalog

FALLBACK = "jsonl"
"""Reads files that a user named and whose suffix says nothing."""


class Readers:
    """Readers by name, with their own options.

    Args:
        by_name: in the order in which they are asked.
    """

    def __init__(self, by_name: Mapping[str, Reader]) -> None:
        self._by_name = dict(by_name)

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of the files that are read, sorted."""
        return tuple(sorted({suffix for reader in self._by_name.values() for suffix in reader.suffixes}))

    def by_suffix(self, path: Path) -> Reader | None:
        """The reader that a file's name asks for; None where it asks for none, or is hidden."""
        if path.name.startswith("."):
            return None
        name = uncompressed_name(path.name).lower()
        return next((reader for reader in self._by_name.values() if name.endswith(reader.suffixes)), None)

    def reads(self, path: Path) -> bool:
        """Whether it is a file that holds records, by its name and, where a suffix may be anything, its content."""
        reader = self.by_suffix(path)
        return reader is not None and path.is_file() and reader.recognises(path)

    def reader_of(self, path: Path) -> Reader:
        """The reader of a file that is to be read, whatever its name is."""
        return self.by_suffix(path) or self._by_name[FALLBACK]

    def stem(self, path: Path) -> str:
        """The file's name without the suffixes by which it is read."""
        name = uncompressed_name(path.name) if compression(path) else path.name
        reader = self.by_suffix(path)
        suffix = next((end for end in reader.suffixes if name.lower().endswith(end)), "") if reader else ""
        return name[: len(name) - len(suffix)]


def find_readers(catalog: Catalog) -> Readers:
    """All readers of all plugins, each with its default options; one that cannot be loaded reads nothing.

    `mft doctor` says what is wrong with such a one.
    """
    found: dict[str, Reader] = {}
    for entry in catalog.of_kind("reader"):
        try:
            found[entry.name] = catalog.build("reader", f"{entry.plugin}/{entry.name}")
        except MftError:
            continue
    return Readers(found)
