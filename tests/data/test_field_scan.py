"""Files are looked through once for the tasks in them, whatever reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.readers import READERS
from helpers.shared_tasks import of
from helpers.token_data import pair, task_file
from mft_core.data.field_scan import NUMBERS, file_parts, numbered_records
from mft_core.errors import MftError, UsageError
from mft_core.support.reading import ReaderChoice
from mft_core.support.shared_files import FileParts

RECORDS = [of("b", 0), of("a", 1), pair(2), of("b", 3), '{"channel": "a", "prompt": ', of(None, 4)]


def scanned(path: Path, field: str = "channel", reader: ReaderChoice | None = None) -> FileParts:
    return file_parts(path, reader, READERS, field, path.parent / "cache")


def test_every_record_has_the_number_of_its_value(tmp_path: Path) -> None:
    parts = scanned(task_file(tmp_path / "a.jsonl", RECORDS))
    assert (parts.values, parts.names) == (("b", "a"), ("b", "a"))
    assert parts.numbers.tolist() == [0, 1, -1, 0, -1, -1]
    assert parts.keys == ("prompt", "response")


@pytest.mark.parametrize(("name", "content"), [
    ("a.csv", "prompt,response,channel\nq,r,b\nq,r,a\nq,r,\n"),
    ("a.json", '[{"channel": "b"}, {"channel": "a"}, {"channel": null}]'),
    ("a.tsv", "channel\ttext\nb\tx\na\ty\n\tz\n"),
])  # fmt: skip
def test_whatever_reads_the_file(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert scanned(tmp_path / name).numbers.tolist() == [0, 1, -1]


def test_what_was_found_is_kept_for_that_content_field_and_reader(tmp_path: Path) -> None:
    path = task_file(tmp_path / "a.jsonl", RECORDS)
    first = scanned(path)
    (kept,) = (tmp_path / "cache").iterdir()
    numbers = (kept / NUMBERS).read_bytes()
    (kept / NUMBERS).write_bytes(b"\1" + numbers[1:])
    assert scanned(path).numbers.tolist() == first.numbers.tolist(), "a damaged one is made again"
    assert scanned(task_file(tmp_path / "b.jsonl", RECORDS)).values == first.values
    assert len(list((tmp_path / "cache").iterdir())) == 1
    scanned(path, "prompt")
    scanned(path, reader=ReaderChoice("text"))
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_a_number_for_each_record_is_no_task(tmp_path: Path) -> None:
    path = task_file(tmp_path / "a.jsonl", [of(number, number) for number in range(1001)])
    with pytest.raises(
        UsageError, match=r"'channel' has more than 1,000 .* in .*a\.jsonl: '0', '1', '2', '3', '4', \.\.\."
    ):
        scanned(path)
    assert len(scanned(task_file(path, [of(number % 1000, number) for number in range(1001)])).names) == 1000


@pytest.mark.parametrize("change", [RECORDS[:-1], [*RECORDS, pair(9)]])
def test_a_file_that_changes_meanwhile_is_named(tmp_path: Path, change: list) -> None:
    path = task_file(tmp_path / "a.jsonl", RECORDS)
    parts = scanned(path)
    task_file(path, change)
    with pytest.raises(MftError, match=r"a\.jsonl has changed"):
        list(numbered_records(path, parts, READERS.reader_of(path)))
