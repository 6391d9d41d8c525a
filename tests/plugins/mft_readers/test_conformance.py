"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.column_files import write_arrow, write_parquet
from helpers.running import write_rows
from helpers.token_data import pair
from mft_core.testing import ReaderTests
from mft_readers.columns import Arrow, Parquet
from mft_readers.json_documents import JsonDocuments
from mft_readers.json_lines import JsonLines
from mft_readers.tables import CommaSeparated, TabSeparated
from mft_readers.text import PlainText

ROWS = [pair(number) for number in range(5)]


class TestJsonLines(ReaderTests):
    component = JsonLines

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write_rows(tmp_path / "a.jsonl", ROWS)


class TestJsonDocuments(ReaderTests):
    component = JsonDocuments

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "a.json"
        path.write_text(json.dumps(ROWS, indent=1), encoding="utf-8")
        return path


class TestCommaSeparated(ReaderTests):
    component = CommaSeparated
    delimiter = ","

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / f"a{self.component.suffixes[0]}"
        rows = [["prompt", "response"], *(list(row.values()) for row in ROWS)]
        path.write_text("".join(f"{self.delimiter.join(row)}\n" for row in rows), encoding="utf-8")
        return path


class TestTabSeparated(TestCommaSeparated):
    component = TabSeparated
    delimiter = "\t"


class TestPlainText(ReaderTests):
    component = PlainText

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "a.txt"
        path.write_text("one\ntwo\n\nthree\nfour\n", encoding="utf-8")
        return path


class TestParagraphs(TestPlainText):
    options = {"documents": "paragraph"}

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "a.txt"
        path.write_text("one\ntwo\n\nthree\n\n\nfour\n", encoding="utf-8")
        return path


class TestParquet(ReaderTests):
    component = Parquet

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write_parquet(tmp_path / "a.parquet", {key: [row[key] for row in ROWS] for key in ROWS[0]})


class TestArrow(ReaderTests):
    component = Arrow

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write_arrow(tmp_path / "a.arrow", [ROWS[:2], ROWS[2:]])


class TestArrowStream(ReaderTests):
    component = Arrow

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write_arrow(tmp_path / "a.arrow", [ROWS[:2], ROWS[2:]], stream=True)
