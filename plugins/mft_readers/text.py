"""Plain text: documents without any structure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mft_core.data.file_formats import refuse_other_encoding
from mft_core.interfaces import Options, RawRecord, Reader
from mft_readers.text_files import ENCODING, text_lines


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
            documents = "file" if path.name.lower().endswith(".md") else "line"
        lines = enumerate(text_lines(path, self.options.encoding), 1)
        if documents == "line":
            parts: Iterable[tuple[int, str]] = ((number, line.rstrip("\r\n")) for number, line in lines)
        elif documents == "paragraph":
            parts = _paragraphs(lines)
        else:
            parts = [(1, "".join(line for _, line in lines))]
        for number, text in parts:
            if text.strip():
                yield RawRecord(number, json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "surrogatepass"))

    def check_beginning(self, path: Path, block: bytes, whole: bool) -> None:
        """Refuse what is Parquet, gzip and the like, or in another encoding than the options say."""
        if self.options.encoding == ENCODING:
            refuse_other_encoding(path, block, whole)


def _paragraphs(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """What stands between blank lines, with the number of its first line, without the line end behind it."""
    first, gathered = 0, ""
    for number, line in lines:
        if line.strip():
            first = first if gathered else number
            gathered += line
        elif gathered:
            yield first, gathered.rstrip("\r\n")
            gathered = ""
    if gathered:
        yield first, gathered.rstrip("\r\n")
