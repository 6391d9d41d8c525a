"""Plain text: what is one document, and where it stands."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from helpers.token_data import prepare
from mft_core.errors import MftError
from mft_core.records import ReaderChoice, TaskFiles
from mft_readers import text, text_files
from mft_readers.text import PlainText

CONTENT = "\ufeffone\r\n  two\r\n\r\n \t\r\nthree\r\n\r\n"


def read(path: Path, content: str | bytes, **options: Any) -> list[tuple[int, Any]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    reader = PlainText.from_options(options)
    reader.inspect(path)
    return [
        (record.place, record.fault[0] if record.fault else json.loads(record.text)["text"])
        for record in reader.records(path)
    ]


def test_a_document_is_a_line_a_paragraph_or_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    lines = [(1, "one"), (2, "  two"), (5, "three")]
    assert read(path, CONTENT) == read(path, CONTENT, documents="line") == lines
    assert read(path, CONTENT, documents="paragraph") == [(1, "one\r\n  two"), (5, "three")]
    assert read(path, CONTENT, documents="file") == [(1, CONTENT[1:])]
    assert read(tmp_path / "a.md", CONTENT) == [(1, CONTENT[1:])]
    assert read(tmp_path / "a.MD", CONTENT, documents="line") == lines
    assert read(tmp_path / "a.md.gz", gzip.compress(CONTENT.encode())) == [(1, CONTENT[1:])]
    assert read(path, " \n\n") == read(path, "") == read(path, "\n", documents="file") == []


def test_encodings(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert read(path, "数据\n".encode("gbk"), encoding="gbk") == [(1, "数据")]
    with pytest.raises(MftError, match="UTF-16"):
        read(path, "one\n".encode("utf-16"))
    with pytest.raises(MftError, match="Parquet"):
        read(path, b"PAR1\0\0")


def test_nul_bytes_and_lines_far_too_long_are_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    assert read(path, b"one\n\0\0\0\0\ntwo\n") == [(1, "one"), (2, "NUL bytes"), (3, "two")]
    monkeypatch.setattr(text, "LONGEST_LINE", 1 << 10)
    monkeypatch.setattr(text_files, "LONGEST_LINE", 1 << 10)
    long = "one\n" + "x" * (3 << 20) + "\ntwo\n"
    assert [len(found) for _, found in read(path, long)] == [3, 1025, 3]
    assert [len(found) for _, found in read(path, long, documents="file")] == [4 + 1025]
    assert [(place, len(found)) for place, found in read(path, "\n" + "yy\n" * 1000, documents="paragraph")] == [
        (2, 1025)
    ]


def test_a_line_that_is_too_long_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(f"line {number}\n" for number in range(30))
        stream.writelines("x" * (1 << 20) for _ in range(66))
        stream.write("\nlast one\n")
    (task,) = prepare([TaskFiles("t", (path,))], tmp_path / "cache")
    assert task.report.bad == {"line too long": 1}
    assert task.report.examples[0].startswith(f"{path}:31 line too long")
    assert task.report.read == 32


def test_a_task_may_say_what_its_documents_are(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\n\nthree\n\nfour\n", encoding="utf-8")
    counts = []
    for documents in ("line", "paragraph", "file"):
        files = TaskFiles("t", (path,), reader=ReaderChoice("text", {"documents": documents}))
        counts.append(prepare([files], tmp_path / "cache")[0].report.read)
    assert counts == [4, 3, 1]
