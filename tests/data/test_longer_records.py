"""What is lost for its length is counted by how long it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.known_lengths import AsLongAsItSays, record, records
from helpers.token_data import prepare, task_file
from mft_core.data import length_guard
from mft_core.data.longer_records import LongerRecords
from mft_core.data.tasks import TaskReport
from mft_core.records import TaskFiles


def report(tmp_path: Path, rows: list[dict], **settings: object) -> TaskReport:
    files = [TaskFiles("t", (task_file(tmp_path / "t.jsonl", rows),))]
    return prepare(files, tmp_path / "cache", AsLongAsItSays, **settings)[0].report


ROWS = records([(10, 10), (30, 70), (80, 20), (100, 28), (128, 1)])


def test_dropped_records_lose_all_their_tokens(tmp_path: Path) -> None:
    found = report(tmp_path, ROWS, max_length=64)
    assert found.longer == {"128": 3, "192": 1}
    assert found.longer_tokens == {"128": 328, "192": 129}
    assert found.longer_supervised == {"128": 118, "192": 1}


def test_cut_records_lose_what_is_cut_off(tmp_path: Path) -> None:
    found = report(tmp_path, ROWS, max_length=96, overlong="truncate")
    assert (found.truncated, found.overlong) == (2, 2)
    assert found.longer == {"128": 3, "192": 1}
    assert found.longer_tokens == {"128": 4 + 4 + 128, "192": 129}
    assert found.longer_supervised == {"128": 4 + 4 + 28, "192": 1}


@pytest.mark.parametrize("overlong", ["drop", "split"])
def test_what_is_not_tokenised_counts_as_too_long_for_every_length(tmp_path, monkeypatch, overlong: str) -> None:
    monkeypatch.setattr(length_guard, "CHARACTERS_AT_LEAST", 100)
    monkeypatch.setattr(length_guard, "CHARACTERS_OF_A_TOKEN", 1)
    found = report(tmp_path, [*ROWS[:1], {"prompt": "0" * 9999, "response": "1"}], max_length=64, overlong=overlong)
    assert found.longer == {"10048": 1}, "a token for each of the 10,000 characters"
    assert (found.longer_tokens, found.longer_supervised) == ({"10048": 0}, {"10048": 0})


def test_parts_add_up_and_survive_json() -> None:
    one, two = LongerRecords(), LongerRecords()
    one.count(65, 65, 10)
    two.count(128, 28, 3)
    two.count(129, 129, 9)
    one.add(two)
    again = LongerRecords.of({"read": {}, **one.as_json()})
    assert again == one
    assert (again.records, again.tokens, again.supervised) == ({128: 2, 192: 1}, {128: 93, 192: 129}, {128: 13, 192: 9})
    assert again.up_to(128).tokens == {128: 93}


def test_turns_may_be_weightless(tmp_path: Path) -> None:
    """A record that is cut before its first target is dropped, and loses all."""
    found = report(tmp_path, [record(10, 10), record(100, 50)], max_length=64, overlong="truncate")
    assert (found.truncated, found.overlong, found.longer_tokens) == (0, 1, {"192": 150})
