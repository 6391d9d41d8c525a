"""The journal of requests: on disk before work goes on, read from there, whole after a kill and on a full disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helpers.disks import fill
from mft_core.endpoint import journal as module
from mft_core.endpoint.journal import LinePlace, RequestJournal
from mft_core.errors import MftError


def ignore(place: LinePlace, record: dict[str, Any]) -> None:
    """Takes a record, for nothing."""


def reopened(path: Path) -> list[dict[str, Any]]:
    """The records in a journal's file."""
    found: list[dict[str, Any]] = []
    RequestJournal(path, lambda place, record: found.append(record))
    return found


def test_records_are_read_from_their_places_by_this_process_and_the_next(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.jsonl"
    journal = RequestJournal(path, ignore)
    with ThreadPoolExecutor(16) as pool:
        places = list(pool.map(lambda number: journal.append({"n": number, "text": "ö\n\ud800" * number}), range(200)))
    found: dict[LinePlace, int] = {}
    again = RequestJournal(path, lambda place, record: found.update({place: record["n"]}))
    assert found == {place: number for number, place in enumerate(places)}
    for number in (0, 57, 199):
        expected = {"n": number, "text": "ö\n\ud800" * number}
        assert journal.read(places[number]) == again.read(places[number]) == expected


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    RequestJournal(path, ignore).append({"n": 1})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"n": 2, "text": "torn')
    journal = RequestJournal(path, ignore)
    assert path.read_bytes() == whole
    assert journal.read(journal.append({"n": 3})) == {"n": 3}
    assert reopened(path) == [{"n": 1}, {"n": 3}]


@pytest.mark.parametrize("line", ['{"b": ', "[" * 100_000, "[1]", '{"other": 1}'])
def test_a_line_of_somebody_else_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(f'{{"n": 1}}\n{line}\n{{"n": 3}}\n')
    with pytest.raises(MftError, match=r"journal\.jsonl:2 is no line of this journal"):
        RequestJournal(path, lambda place, record: record["n"])


def test_a_journal_that_somebody_else_cut_is_named(tmp_path: Path) -> None:
    journal = RequestJournal(tmp_path / "journal.jsonl", ignore)
    place = journal.append({"n": 1})
    os.truncate(journal.path, 3)
    with pytest.raises(MftError, match="is not what it was"):
        journal.read(place)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(MftError, match="cannot be used: Is a directory"):
        RequestJournal(tmp_path, ignore)


@pytest.fixture
def flushes(monkeypatch: pytest.MonkeyPatch) -> Callable[[threading.Event], list[int]]:
    """Lets the first flush wait for an event; returns a list that gets the length of what each flush wrote."""

    def install(begun: threading.Event, free: threading.Event) -> list[int]:
        sizes: list[int] = []
        write = module.append_whole

        def wait_and_write(path: Path, data: bytes, *, flush: bool) -> int:
            assert flush
            sizes.append(data.count(b"\n"))
            begun.set()
            free.wait(60)
            return write(path, data, flush=flush)

        monkeypatch.setattr(module, "append_whole", wait_and_write)
        return sizes

    return install


def gathered(journal: RequestJournal, count: int) -> None:
    """Wait until so many lines wait for the next flush."""
    while len(journal._gathering.lines) < count:
        threading.Event().wait(0.001)


def test_threads_that_wait_share_a_flush(tmp_path: Path, flushes: Callable[..., list[int]]) -> None:
    journal = RequestJournal(tmp_path / "journal.jsonl", ignore)
    begun, free = threading.Event(), threading.Event()
    sizes = flushes(begun, free)
    with ThreadPoolExecutor(33) as pool:
        first = pool.submit(journal.append, {"n": 0})
        begun.wait(60)
        others = [pool.submit(journal.append, {"n": number}) for number in range(1, 33)]
        gathered(journal, 32)
        assert not first.done()
        free.set()
        places = [one.result() for one in (first, *others)]
    assert sizes == [1, 32]
    assert [journal.read(place)["n"] for place in places] == list(range(33))


def test_on_a_full_disk_all_who_share_a_flush_are_told_and_nothing_of_theirs_is_left(
    small_disk: Path, flushes: Callable[..., list[int]]
) -> None:
    journal = RequestJournal(small_disk / "journal.jsonl", ignore)
    journal.append({"n": -1})
    begun, free = threading.Event(), threading.Event()
    flushes(begun, free)
    filling = fill(small_disk)
    with ThreadPoolExecutor(9) as pool:
        waiting = [pool.submit(journal.append, {"n": 0, "text": "t" * 5000})]
        begun.wait(60)
        waiting += [pool.submit(journal.append, {"n": number, "text": "t" * 5000}) for number in range(1, 9)]
        gathered(journal, 8)
        free.set()
        failures = [one.exception() for one in waiting]
    assert all(isinstance(one, MftError) and "No space left" in str(one) for one in failures)
    filling.unlink()
    assert journal.read(journal.append({"n": 1})) == {"n": 1}
    assert reopened(journal.path) == [{"n": -1}, {"n": 1}]
