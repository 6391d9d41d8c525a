"""When pictures are drawn."""

from __future__ import annotations

import os
from pathlib import Path

import mft_report
from helpers.made_up_runs import write_run
from mft_core.events import Event, EventLog, read_events
from mft_report.files import worth_redrawing


def test_events_redraw_only_when_it_is_worth_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"])
    recipe = run / "recipe.toml"
    recipe.touch()
    mft_report.mft_on_event(Event("eval", 20, run))
    assert not (run / "curves.png").exists()  # the run has just begun
    os.utime(recipe, (0, 0))
    mft_report.mft_on_event(Event("train", 60, run))
    assert not (run / "curves.png").exists()
    mft_report.mft_on_event(Event("eval", 20, run))
    assert (run / "report.html").exists()
    assert not worth_redrawing(run)
    (run / "report.html").unlink()
    mft_report.mft_on_event(Event("eval", 20, run))
    assert not (run / "report.html").exists()
    mft_report.mft_on_event(Event("end", 60, run))
    assert (run / "report.html").exists()
    os.utime(run / "curves.png", (0, 0))
    assert worth_redrawing(run)


def test_failure_to_draw_does_not_stop_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"], end=False)
    (run / "curves.png").mkdir()  # cannot be replaced by a file
    log = EventLog(run, {"mft-report": mft_report.mft_on_event})
    log.emit("end", 60, reason="done", seconds=1.0)
    last = read_events(run / "metrics.jsonl")[-1]
    assert last["event"] == "warning"
    assert "mft-report" in last["message"]
