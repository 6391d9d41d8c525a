"""Which reader reads a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.readers import READERS
from mft_core.errors import UsageError
from mft_core.records import ReaderChoice
from mft_readers.columns import Arrow, Parquet
from mft_readers.json_documents import JsonDocuments
from mft_readers.json_lines import JsonLines
from mft_readers.tables import CommaSeparated, TabSeparated
from mft_readers.text import PlainText

BY_NAME = {
    "a.jsonl": JsonLines, "a.JSONL.GZ": JsonLines, "a.ndjson.zst": JsonLines, "a.json": JsonDocuments,
    "a.b.json.xz": JsonDocuments, "a.csv": CommaSeparated, "a.tsv.bz2": TabSeparated, "a.txt": PlainText,
    "a.md": PlainText, "a.parquet": Parquet, "a.pq": Parquet, "a.arrow": Arrow, "a.feather": Arrow,
    "a.dat": None, "a.gz": None, ".a.jsonl": None, "jsonl": None,
}  # fmt: skip


@pytest.mark.parametrize("name", BY_NAME)
def test_the_suffix_says_which(tmp_path: Path, name: str) -> None:
    reader = READERS.by_suffix(tmp_path / name)
    assert (type(reader) if reader else None) is BY_NAME[name]


def test_a_choice_wins_and_what_says_nothing_is_json_lines(tmp_path: Path) -> None:
    chosen = READERS.reader_of(tmp_path / "a.csv", ReaderChoice("text", {"documents": "file"}))
    assert isinstance(chosen, PlainText)
    assert chosen.options.documents == "file"
    assert isinstance(READERS.reader_of(tmp_path / "a.dat"), JsonLines)
    with pytest.raises(UsageError, match="cvs"):
        READERS.reader_of(tmp_path / "a.csv", ReaderChoice("cvs"))
    with pytest.raises(UsageError, match="delimeter"):
        READERS.chosen(ReaderChoice("csv", {"delimeter": ";"}), "data.reader")


def test_what_is_read_where_nobody_named_it(tmp_path: Path) -> None:
    contents = {"a.jsonl": "{}", "requirements.txt": "x", "README.md": "x", "notes.txt": "x", "s.json": '{"a": 1}'}
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "folder.csv").mkdir()
    assert [path.name for path in sorted(tmp_path.iterdir()) if READERS.reads(path)] == ["a.jsonl", "notes.txt"]
    assert [path.name for path in sorted(tmp_path.iterdir()) if READERS.holds_documents(path)] == [
        "README.md", "notes.txt", "requirements.txt"
    ]  # fmt: skip


def test_all_suffixes_are_known() -> None:
    assert set(READERS.suffixes) >= {".jsonl", ".json", ".csv", ".tsv", ".txt", ".md", ".parquet", ".arrow"}
    assert READERS.broken == {}
