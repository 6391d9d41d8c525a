"""Runs in a line each."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from helpers.made_up_runs import write_run
from mft_board import index
from mft_board.index import BROKEN_OFF, DAMAGED, ENDED, QUIET, RUNNING, RunIndex
from mft_board.places import open_places
from mft_core.events import EventLog
from mft_core.run.results import read_run_facts


def test_a_line_says_what_the_report_says(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["a", "b", "c"])
    (line,), unread = RunIndex(open_places([tmp_path])).lines(1)
    facts = read_run_facts(run)
    assert unread == 0
    assert (line.best, line.best_step, line.change) == (facts.best, facts.best_step, facts.change)
    assert line.tasks == tuple((task.name, task.change, task.verdict) for task in facts.tasks)
    assert (line.step, line.steps, line.ending) == (60, 60, "finished")


def test_states(tmp_path: Path) -> None:
    for name in ("running", "killed", "interrupted", "done", "damaged", "empty"):
        write_run(tmp_path / name, ["a"], end=name == "done")
    EventLog(tmp_path / "interrupted").emit("end", 60, reason="interrupted")
    os.utime(tmp_path / "killed" / "metrics.jsonl", (time.time() - QUIET - 1,) * 2)
    (tmp_path / "damaged" / "metrics.jsonl").write_text("nonsense\nnonsense\n")
    (tmp_path / "empty" / "metrics.jsonl").write_text("")
    lines, _ = RunIndex(open_places([tmp_path])).lines(1)
    assert {line.place.title: line.state for line in lines} == {
        "running": RUNNING, "killed": BROKEN_OFF, "interrupted": BROKEN_OFF, "done": ENDED, "damaged": DAMAGED,
        "empty": RUNNING,
    }  # fmt: skip
    (damaged,) = [line for line in lines if line.state == DAMAGED]
    assert "metrics.jsonl:1 is no event" in damaged.ending


def test_a_log_of_another_shape_hides_no_other(tmp_path: Path) -> None:
    write_run(tmp_path / "good", ["a"])
    (tmp_path / "odd").mkdir()
    odd = {"event": "start", "step": 0, "tasks": 3, "warnings": None}
    (tmp_path / "odd" / "metrics.jsonl").write_text(json.dumps(odd) + "\n")
    lines, _ = RunIndex(open_places([tmp_path])).lines(1)
    assert {line.place.title: line.state for line in lines} == {"good": ENDED, "odd": DAMAGED}


def test_a_log_is_read_again_only_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", ["a"], end=False)
    read = []
    outline = index.read_outline
    monkeypatch.setattr(index, "read_outline", lambda path: read.append(path) or outline(path))
    runs = RunIndex(open_places([tmp_path]))
    for _ in range(3):
        runs.lines(1)
    assert len(read) == 1
    EventLog(run).emit("end", 60, reason="done")
    ((line,), _) = runs.lines(1)
    assert (len(read), line.state) == (2, ENDED)


def test_without_time_the_newest_are_read_first_and_the_others_later(tmp_path: Path) -> None:
    for number in range(4):
        run = write_run(tmp_path / f"{number}", ["a"])
        os.utime(run / "metrics.jsonl", (number, number))
    runs = RunIndex(open_places([tmp_path]))
    known = []
    for _ in range(4):
        lines, unread = runs.lines(0)
        known.append(([line.place.title for line in lines], unread))
    assert known[0] == (["3"], 3)
    assert known[-1] == (["3", "2", "1", "0"], 0)
