"""Events: one line each, whatever a listener does."""

from __future__ import annotations

import json
from pathlib import Path

from mft_core.events import Event, EventLog, read_events


def test_numbers_that_are_not_finite_become_null(tmp_path: Path) -> None:
    line = Event("train", 3, tmp_path, {"loss": float("nan"), "tasks": {"a": [float("inf"), 1.5]}}).as_json()
    assert json.loads(line, parse_constant=str) == {
        "event": "train", "step": 3, "loss": None, "tasks": {"a": [None, 1.5]},
    }  # fmt: skip


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("start", 0, task="任务")
    log.emit("train", 1, loss=2.0)
    whole = read_events(log.path)
    assert [event["event"] for event in whole] == ["start", "train"]
    with log.path.open("a") as stream:
        stream.write('{"event": "tra')
    assert read_events(log.path) == whole
    assert read_events(tmp_path / "nothing") == []


def test_rewinding_forgets_later_steps_and_ends(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    for name, step in (("start", 0), ("train", 1), ("end", 1), ("train", 2)):
        log.emit(name, step)
    log.rewind(1)
    assert [(event["event"], event["step"]) for event in read_events(log.path)] == [("start", 0), ("train", 1)]


def test_a_listener_that_fails_is_left_out_and_named(tmp_path: Path) -> None:
    seen: list[str] = []

    def fail(event: Event) -> None:
        raise RuntimeError("no luck")

    log = EventLog(tmp_path, {"bad": fail, "good": lambda event: seen.append(event.name)})
    log.emit("train", 1)
    log.emit("train", 2)
    assert [event["event"] for event in read_events(log.path)] == ["train", "warning", "train"]
    assert "bad failed on the event 'train'" in read_events(log.path)[1]["message"]
    assert sorted(seen) == ["train", "train", "warning"]
