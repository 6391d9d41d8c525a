"""Files to records: what a reader's plugin implements."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

from mft_core.data.compression import BLOCK, blocks
from mft_core.registry.options import Configurable, SomeOptions

ROW_BITS = 40
LINE = ":{place}"
"""The words for a place that is a line, from 1."""


class RawRecord(NamedTuple):
    """One record as it stands in a file.

    Attributes:
        place: where it stands, a number that `Reader.place_form` turns into words: a line, an index, or a row of a
            group (`row_of_group`).
        text: one JSON value in UTF-8.
        fault: why it cannot be read: a short reason, as it is counted, and a detail. `text` is then what there is.
    """

    place: int
    text: bytes
    fault: tuple[str, str] | None = None


class FileContent(NamedTuple):
    """What a file holds.

    Attributes:
        digest: SHA-256 of its bytes, decompressed where its name says that they are compressed.
        size: number of these bytes.
    """

    digest: str
    size: int


class Reader(Configurable[SomeOptions]):
    """Reads the records of files of one kind, in their order, holding a few of them at a time.

    A reader is found by the suffix of a file's name, or named in a recipe (`reader`). Whatever it cannot read is an
    error that names the file and the place, or a `RawRecord` with a fault, which is counted and quarantined.

    Attributes:
        suffixes: of the files it reads, in lower case, such as (".csv",). Compressed ones (`blocks` decompresses) have
            a further suffix behind, which is not named here.
        documents: its files are documents as anybody may put beside data, such as notes: left alone where others are.
        unread_hint: why a file with one of the suffixes is not read, where `recognises` says so.
    """

    suffixes: ClassVar[tuple[str, ...]]
    documents: ClassVar[bool] = False
    unread_hint: ClassVar[str] = ""

    @abstractmethod
    def records(self, path: Path) -> Iterator[RawRecord]:
        """Every record of a file.

        Raises:
            MftError: it cannot be read, or is not what its name says.
        """

    def place_form(self, path: Path) -> str:
        """The words for a place, behind the file's name: with "{place}" in them, or "{group}" and "{row}" of it."""
        return LINE

    def recognises(self, path: Path) -> bool:
        """Whether a file with one of the suffixes holds records: asked before one that nobody named is read."""
        return True

    def inspect(self, path: Path) -> FileContent:
        """Digest and size, which decide whether the file has been tokenised before.

        Raises:
            MftError: it cannot be read, or is not what its name says, as far as its beginning shows.
        """
        hasher, size = hashlib.sha256(), 0
        for block in blocks(path):
            if size == 0:
                self.check_beginning(path, block, whole=len(block) < BLOCK)
            hasher.update(block)
            size += len(block)
        return FileContent(hasher.hexdigest(), size)

    def check_beginning(self, path: Path, block: bytes, whole: bool) -> None:
        """Refuse a file by its first bytes.

        Args:
            path: of the file, for the message.
            block: its first bytes, decompressed where its name says that they are compressed.
            whole: `block` is all of it.

        Raises:
            MftError: it is not what its name says.
        """

    @property
    def fingerprint(self) -> str:
        """Changes whenever `records` could give others for the same bytes; part of the token cache's key."""
        options = json.dumps(self.options.model_dump(mode="json"), sort_keys=True)
        return f"{type(self).__module__}:{type(self).__qualname__} {options}"


def row_of_group(group: int, row: int) -> int:
    """The place of a row of a group of rows, both from 0."""
    return group << ROW_BITS | row


def place_in_words(form: str, place: int) -> str:
    """What follows a file's name to say where in it something stands."""
    return form.format(place=place, group=place >> ROW_BITS, row=place & (1 << ROW_BITS) - 1)
