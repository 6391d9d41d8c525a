"""Validation records come back as text, each once, or it is said that they have changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.readers import READERS
from helpers.shared_tasks import of, shared_file
from helpers.token_data import one_task, pair, prepare
from mft_core.data.reader import RawRecord
from mft_core.data.stored_records import stored_records, validation_records
from mft_core.errors import MftError
from mft_readers.json_lines import JsonLines


def test_records_are_those_of_the_samples_in_their_order(tmp_path: Path) -> None:
    (task,) = one_task(tmp_path, [pair(number) for number in range(9)], valid=[pair(20), pair(21), pair(22)])
    found = validation_records([task], READERS)["t"]
    assert [record.turns[0].content for record in found] == ["question 20", "question 21", "question 22"]
    assert found[1].origin == f"{tmp_path}/t/valid.jsonl:2"
    trained = stored_records(task.train, READERS)
    assert sorted(record.turns[0].content for record in trained) == [f"question {number}" for number in range(9)]


def test_a_text_that_was_split_is_one_record(tmp_path: Path) -> None:
    text = {"text": "one two three " * 40}
    (task,) = one_task(tmp_path, [{"text": "short"}], valid=[text], max_length=20, overlong="split")
    assert len(task.valid) > 3
    (record,) = stored_records(task.valid, READERS)
    assert record.text == text["text"]


def test_a_file_that_has_changed_since_is_named(tmp_path: Path) -> None:
    (task,) = one_task(tmp_path, [pair(1)], valid=[pair(2), pair(3)])
    (tmp_path / "t" / "valid.jsonl").write_text("{}\n")
    with pytest.raises(MftError, match=r"valid\.jsonl:1 is not the record that was tokenised"):
        stored_records(task.valid, READERS)


def test_a_file_of_many_tasks_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = prepare(shared_file(tmp_path, [of("abc"[n % 3], n) for n in range(30)]), tmp_path / "c", valid_fraction=0.3)
    read: list[Path] = []
    records = JsonLines.records

    def counted(self: JsonLines, path: Path) -> Iterator[RawRecord]:
        read.append(path)
        return records(self, path)

    monkeypatch.setattr(JsonLines, "records", counted)
    found = validation_records(tasks, READERS)
    assert len(read) == 1
    for letter, remainder in zip("abc", range(3), strict=True):
        numbers = [int(record.turns[0].content.split()[1]) for record in found[letter]]
        assert len(numbers) == 3
        assert {number % 3 for number in numbers} == {remainder}


def test_records_under_other_columns_come_back_as_they_were_tokenised(tmp_path: Path) -> None:
    rows = [{"ask": f"q{number}", "schema": "s", "say": number} for number in range(3)]
    columns = {"prompt": "{schema}\n{ask}", "response": "say"}
    (task,) = one_task(tmp_path, rows, valid=rows[:1], columns=columns)
    (record,) = stored_records(task.valid, READERS)
    assert [turn.content for turn in record.turns] == ["s\nq0", "0"]
