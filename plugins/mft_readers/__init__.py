"""Files of records: one JSON object a line, JSON documents, tables, columns, plain text."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_readers() -> Sequence[Component]:
    """The bundled readers."""
    return [
        Component("jsonl", "mft_readers.json_lines:JsonLines", "JSON Lines: .jsonl, .ndjson"),
        Component("json", "mft_readers.json_documents:JsonDocuments", "one array or object of records: .json"),
        Component("csv", "mft_readers.tables:CommaSeparated", "tables with a header row: .csv"),
        Component("tsv", "mft_readers.tables:TabSeparated", "tables with a header row, columns apart by tabs: .tsv"),
        Component("text", "mft_readers.text:PlainText", "documents of plain text: .txt, .md"),
        Component("parquet", "mft_readers.columns:Parquet", "columns, as the Hub stores data sets: .parquet"),
        Component("arrow", "mft_readers.columns:Arrow", "columns, as `datasets` keeps them: .arrow, .feather"),
    ]
