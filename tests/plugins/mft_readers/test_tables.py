"""Tables: quoting, encodings, headers, and rows that are not what the header says."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from mft_core.errors import MftError, UsageError
from mft_readers import tables, text_files
from mft_readers.tables import CommaSeparated, TabSeparated


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, kind: type[CommaSeparated] = CommaSeparated, **options: Any) -> list[tuple[int, Any]]:
    reader = kind.from_options(options)
    reader.inspect(path)
    return [
        (record.place, record.fault[0] if record.fault else json.loads(record.text)) for record in reader.records(path)
    ]


def test_quoting_is_that_of_the_csv_module(tmp_path: Path) -> None:
    rows = [["prompt", "response"], ["a, b", 'say "hi"'], ["two\nlines", "\r\n and ; more\ttabs"], ["", " x "]]
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    found = read(tmp_path / "a.csv")
    assert [list(value.values()) for _, value in found] == rows[1:]
    assert [place for place, _ in found] == [2, 3, 6]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends_blank_rows_and_a_byte_order_mark(tmp_path: Path, ends: str) -> None:
    lines = ["\ufeffprompt ,response", "q,a", "", "q2,a2"]
    found = read(write(tmp_path / "a.csv", ends.join(lines)))
    assert found == [(2, {"prompt": "q", "response": "a"}), (4, {"prompt": "q2", "response": "a2"})]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "utf-8"),
        ("gb18030", "gb18030"),
        ("utf-16", "utf-16"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_a_declared_encoding(tmp_path: Path, encoding: str, declared: str) -> None:
    path = write(tmp_path / "a.csv", "text\n数据\nzwei\n".encode(encoding))
    assert read(path, encoding=declared) == [(2, {"text": "数据"}), (3, {"text": "zwei"})]


def test_another_encoding_than_declared_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "prompt,response\nq,a\n".encode("utf-16"))
    with pytest.raises(MftError, match="is UTF-16, not what its name says") as caught:
        read(path)
    assert 'encoding = "utf-16"' in caught.value.hint
    with pytest.raises(MftError, match="is not utf-8: invalid continuation byte") as caught:
        read(write(path, "prompt,response\né,a\n".encode("cp1252")))
    assert 'encoding = "gb18030"' in caught.value.hint
    with pytest.raises(MftError, match=r"a\.csv is not ascii: ordinal not in range"):
        read(path, encoding="ascii")
    with pytest.raises(MftError, match="is not utf-16"):
        read(write(path, b"prompt,response\nq,a"), encoding="utf-16")
    for name in ("klingon", "base64", "undefined", "a\0b"):
        with pytest.raises(UsageError, match="no encoding"):
            read(path, encoding=name)


def test_tabs_and_other_delimiters(tmp_path: Path) -> None:
    expected = [(2, {"prompt": "a,b", "response": "c"})]
    assert read(write(tmp_path / "a.tsv", "prompt\tresponse\na,b\tc\n"), TabSeparated) == expected
    semicolons = write(tmp_path / "a.csv", "prompt;response\na,b;c\n")
    assert read(semicolons, delimiter=";") == expected
    assert (
        read(write(tmp_path / "b.csv", "prompt;response\n'a;b';c\n"), delimiter=";", quote="'")[0][1]["prompt"] == "a;b"
    )
    with pytest.raises(MftError, match="its header has one column") as caught:
        read(semicolons)
    assert "delimiter = ';'" in caught.value.hint


def test_ragged_rows_are_faults_with_all_that_is_in_them(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "prompt,response\nq,a\nq\nq,a,b\nq,a\n")
    assert [value for _, value in read(path)] == [
        {"prompt": "q", "response": "a"}, "ragged row", "ragged row", {"prompt": "q", "response": "a"}
    ]  # fmt: skip
    short, long = (record for record in CommaSeparated().records(path) if record.fault)
    assert (json.loads(short.text), json.loads(long.text)) == (["q"], ["q", "a", "b"])
    assert long.fault == ("ragged row", "3 cells, but the header has 2 columns")


def test_a_missing_quote_is_an_error_where_the_row_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.csv", 'text\ngood\n"open\nmore\nand more\n')
    with pytest.raises(MftError, match=r"a\.csv:3 is no row of a table: unexpected end of data") as caught:
        read(path)
    assert "quotation mark" in caught.value.hint
    monkeypatch.setattr(tables, "MOST_OF_A_CELL", 1000)
    write(path, 'text\ngood\n"open\n' + "more\n" * 1000)
    with pytest.raises(MftError, match=r"a\.csv:3 .*field larger than field limit"):
        read(path)
    with pytest.raises(MftError, match=r"a\.csv:2 is no row of a table"):
        read(write(path, 'text\n"a"b\n'))


def test_names_of_columns(tmp_path: Path) -> None:
    with pytest.raises(MftError, match="two columns are called 'a'"):
        read(write(tmp_path / "a.csv", "a,b,a\n1,2,3\n"))
    assert read(write(tmp_path / "a.csv", ",text\n0,x\n")) == [(2, {"text": "x"})]
    assert read(write(tmp_path / "a.csv", "text\n")) == read(write(tmp_path / "a.csv", "")) == []


def test_nul_bytes_are_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"text\nx\n\0\0\0\ny\n")
    try:
        assert [value for _, value in read(path)] == [{"text": "x"}, "NUL bytes", {"text": "y"}]
    except MftError as error:  # Python 3.10's csv module takes none
        assert "a.csv:3 is no row" in error.message  # noqa: PT017


def test_a_line_that_is_far_too_long_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "LONGEST_LINE", 1 << 10)
    monkeypatch.setattr(tables, "MOST_OF_A_CELL", 1 << 9)
    lines = list(text_files.text_lines(write(tmp_path / "a.csv", "text\n" + "x" * (5 << 20) + "\nafter"), "utf-8"))
    assert [len(line) for line in lines] == [5, 1025, 5]
    with pytest.raises(MftError, match=r"a\.csv:2 .*field larger than field limit"):
        read(tmp_path / "a.csv")
