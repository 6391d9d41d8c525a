"""Journals: what a killed process left half written is written anew, damage is named."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from mft_core.errors import MftError
from mft_core.support.journal import Journal


def test_a_torn_last_line_is_cut_off_and_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "journal.jsonl"
    Journal(path).append([{"a": 1}, {"b": "ö\n\ud800"}])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"c": "torn')
    journal = Journal(path)
    assert journal.records == [{"a": 1}, {"b": "ö\n\ud800"}]
    journal.append([{"c": 3}])
    assert path.read_bytes() == whole + b'{"c": 3}\n'
    assert Journal(path).records == journal.records


def test_a_record_there_is_no_room_for_leaves_nothing_and_later_ones_fit(small_disk: Path) -> None:
    journal = Journal(small_disk / "journal.jsonl")
    journal.append([{"a": 1}])
    filling = small_disk / "filling"
    with filling.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(4096))
    with pytest.raises(MftError, match=r"journal\.jsonl cannot be written: No space left"):
        journal.append([{"任务": "任" * 5000}])
    filling.unlink()
    journal.append([{"b": 2}])
    assert Journal(journal.path).records == journal.records == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("line", ['{"b": ', "[" * 100_000], ids=["cut", "nested too deep"])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(f'{{"a": 1}}\n{line}\n{{"c": 3}}\n')
    with pytest.raises(MftError, match=r"journal\.jsonl:2 is no JSON object"):
        Journal(path)
