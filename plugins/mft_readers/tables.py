"""Tables: a header row, then a record a row."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from mft_core.errors import MftError
from mft_core.interfaces import Options, RawRecord, Reader
from mft_readers.text_files import ENCODING, check_text, text_lines, text_record

MOST_OF_A_CELL = 1 << 24
"""Characters: as much as a text may have. The csv module's own limit, 131,072, is less than a long document."""
INDEX = ""
"""The name that pandas gives to the column of row numbers."""


class TableOptions(Options):
    """How a table is written."""

    encoding: str = Field(ENCODING, description="of the file, such as gb18030 or cp1252; a byte order mark is fine")
    delimiter: str = Field("", max_length=1, description='between columns; "": the one that the suffix says')
    quote: str = Field('"', min_length=1, max_length=1, description="around cells that hold a delimiter or a line end")


class CommaSeparated(Reader[TableOptions]):
    """A table with a header row, as Python's csv module reads it. Places are lines, from 1, where a row begins.

    Every cell is text, an empty one says nothing. A row with too many or too few cells is quarantined.
    """

    suffixes: ClassVar = (".csv",)
    delimiter: ClassVar = ","

    def records(self, path: Path) -> Iterator[RawRecord]:
        """Every row that is not blank, by the names in the header."""
        csv.field_size_limit(MOST_OF_A_CELL)  # of the module: there is none per reader
        delimiter = self.options.delimiter or self.delimiter
        rows = csv.reader(
            text_lines(path, self.options.encoding), delimiter=delimiter, quotechar=self.options.quote, strict=True
        )
        header, begins = None, 1
        try:
            for row in rows:
                if row and header is None:
                    header = _checked_header(row, path, delimiter)
                elif row and header is not None:
                    yield _record(begins, row, header)
                begins = rows.line_num + 1
        except csv.Error as error:
            hint = "Is a quotation mark missing? Options of the reader: delimiter, quote, encoding."
            raise MftError(f"{path}:{begins} is no row of a table: {error}", hint) from error

    def check_beginning(self, path: Path, block: bytes, whole: bool) -> None:
        """Refuse what is Parquet, gzip and the like, or in another encoding than the options say."""
        check_text(path, block, whole, self.options.encoding)


class TabSeparated(CommaSeparated):
    """As csv, with tabs between the columns."""

    suffixes: ClassVar = (".tsv",)
    delimiter: ClassVar = "\t"


def _checked_header(row: list[str], path: Path, delimiter: str) -> list[str]:
    names = [name.strip() for name in row]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise MftError(f"{path}: two columns are called {twice[0]!r}.", "Every column needs a name of its own.")
    others = [other for other in ",;\t|" if other != delimiter and other in names[0]]
    if len(names) == 1 and others:
        raise MftError(
            f"{path}: its header has one column, {names[0][:100]!r}.",
            f"Is {others[0]!r} what stands between the columns? reader = {{name = 'csv', delimiter = {others[0]!r}}}",
        )
    return names


def _record(place: int, row: list[str], header: list[str]) -> RawRecord:
    if len(row) != len(header):
        cells = f"{len(row)} cell{'s' * (len(row) != 1)}"
        return text_record(place, row, ("ragged row", f"{cells}, but the header has {len(header)} columns"))
    return text_record(place, {name: cell for name, cell in zip(header, row, strict=True) if name != INDEX})
