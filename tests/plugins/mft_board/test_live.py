"""A run that somebody looks at, while its log grows."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from helpers.made_up_runs import write_run
from mft_board import live
from mft_board.index import QUIET
from mft_board.live import WatchedRun, WatchedRuns
from mft_board.places import RUN, open_places
from mft_core.errors import UsageError
from mft_core.events import EventLog
from mft_core.run.history import History, history
from mft_core.run.results import load_events, read_run_facts

ARRAYS = ("steps", "loss", "tokens", "weight", "eval_steps", "eval_loss")


def equal(one: History, other: History) -> bool:
    same = all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in ARRAYS)
    run = all(np.array_equal(one.run[name], other.run[name], equal_nan=True) for name in other.run)
    return same and run and (one.tasks, one.decisions) == (other.tasks, other.decisions)


def whole(run: Path, *names: str) -> History:
    return history(names, load_events(run))


def test_a_log_read_piece_by_piece_is_the_log_read_at_once(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["a", "b"])
    text = (run / "metrics.jsonl").read_bytes()
    watched = WatchedRun(run)
    for end in range(text.index(b"\n") + 1, len(text), 997):
        (run / "metrics.jsonl").write_bytes(b"")
        with (run / "metrics.jsonl").open("r+b") as stream:
            stream.write(text[:end])
        watched.refresh()
        assert equal(watched.history(), whole(run, "a", "b"))
    with (run / "metrics.jsonl").open("r+b") as stream:
        stream.write(text)
    watched.refresh()
    assert equal(watched.history(), whole(run, "a", "b"))
    assert watched.facts() == read_run_facts(run)


def test_a_run_that_goes_back_to_a_checkpoint_is_read_anew(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["a", "b"], end=False)
    watched = WatchedRun(run)
    before = watched.refresh()
    EventLog(run).rewind(20)
    assert watched.refresh() != before
    assert watched.history().steps.max() == 20
    assert equal(watched.history(), whole(run, "a", "b"))


def test_it_says_whether_there_is_anything_new(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["a"], end=False)
    watched = WatchedRun(run)
    assert watched.refresh() == (revision := watched.refresh())
    os.utime(run / "metrics.jsonl", (time.time() - QUIET - 1,) * 2)
    assert watched.refresh() != revision  # nothing was written, and by now that says something
    assert watched.state == "broken off"


def test_tasks_that_turn_up_later_have_gaps_before(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("train", 1, tasks={"a": {"loss": 1.0, "tokens": 3, "weight": 1.0}})
    watched = WatchedRun(tmp_path)
    watched.refresh()
    log.emit("eval", 1, loss=1.0, tasks={"b": {"loss": 2.0}, "a": {"loss": 1.0}}, watched={"w": {"loss": 1.0}})
    log.emit("train", 2, tasks={"b": {"loss": 1.0, "tokens": 4, "weight": 1.0}})
    watched.refresh()
    assert equal(watched.history(), history(["b", "a"], load_events(tmp_path), ["w"]))


def test_a_log_that_is_empty_or_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        WatchedRun(tmp_path).refresh()
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(UsageError, match="has logged nothing yet"):
        WatchedRun(tmp_path).refresh()


def test_the_log_is_opened_for_reading_and_nothing_else_is_touched(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["a"], end=False)
    os.utime(run / "metrics.jsonl", (1, 1))
    for path in (run / "metrics.jsonl", run):
        path.chmod(0o555)
    before = {path.name: path.stat().st_mtime_ns for path in (run, *run.iterdir())}
    watched = WatchedRun(run)
    watched.refresh()
    watched.history()
    assert {path.name: path.stat().st_mtime_ns for path in (run, *run.iterdir())} == before


def test_few_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_WATCHED", 2)
    for name in "abc":
        write_run(tmp_path / name, ["x"])
    places, runs = open_places([tmp_path]).all(RUN), WatchedRuns()
    first, second = runs.get(places[0]), runs.get(places[1])
    assert runs.get(places[0]) is first
    runs.get(places[2])
    assert runs.get(places[0]) is first
    assert runs.get(places[1]) is not second
