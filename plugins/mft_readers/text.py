"""Plain text: documents without any structure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mft_core.data.compression import uncompressed_name
from mft_core.data.jsonl import LONGEST_LINE
from mft_core.interfaces import Options, RawRecord, Reader
from mft_readers.text_files import ENCODING, check_text, text_lines, text_record


class TextOptions(Options):
    """What of a text file is one document."""

    documents: Literal["auto", "file", "line", "paragraph"] = Field(
        "auto",
        description="what a document is (paragraph: between blank lines); auto: a line, of .md the file",
    )
    encoding: str = Field(ENCODING, description="of the file, such as gb18030 or cp1252; a byte order mark is fine")


class PlainText(Reader[TextOptions]):
    """Documents of plain text, all of which is learned. Places are lines, from 1, where a document begins.

    A line of a .txt file is a document, as for the datasets library and what builds on it; a .md file is one whole.
    Documents of white space are left out.
    """

    suffixes: ClassVar = (".txt", ".md")
    documents: ClassVar = True

    def records(self, path: Path) -> Iterator[RawRecord]:
        """Every document."""
        documents = self.options.documents
        if documents == "auto":
            documents = "file" if uncompressed_name(path.name).lower().endswith(".md") else "line"
        lines = enumerate(text_lines(path, self.options.encoding), 1)
        if documents == "line":
            parts: Iterable[tuple[int, str]] = ((number, line.rstrip("\r\n")) for number, line in lines)
        elif documents == "paragraph":
            parts = _paragraphs(lines)
        else:
            parts = [(1, _joined(line for _, line in lines))]
        for number, text in parts:
            if text.strip():
                yield text_record(number, {"text": text})

    def check_beginning(self, path: Path, block: bytes, whole: bool) -> None:
        """Refuse what is Parquet, gzip and the like, or in another encoding than the options say."""
        check_text(path, block, whole, self.options.encoding)


def _paragraphs(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """What stands between blank lines, with the number of its first line, without the line end behind it."""
    for is_blank, group in groupby(lines, key=lambda numbered: not numbered[1].strip()):
        first, line = next(group)
        if not is_blank:
            yield first, _joined(chain([line], (line for _, line in group))).rstrip("\r\n")


def _joined(lines: Iterable[str]) -> str:
    """One text, or as much of it as shows that it is too long for a record."""
    parts, length = [], 0
    for line in lines:
        parts.append(line)
        length += len(line)
        if length > LONGEST_LINE:
            break
    return "".join(parts)
