"""When pictures are drawn."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers.made_up_runs import write_run
from mft_core.events import EventLog, read_events
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table
from mft_core.training.callbacks import CallbackContext, Callbacks
from mft_report.callback import Report
from mft_report.files import worth_redrawing


def callbacks_of(run: Path) -> Callbacks:
    """A run's callbacks as the loop has them: the report alone."""
    validation = evaluation_context(random_token_loss_model(), random_table([1]), ("only",))
    return Callbacks({"report": Report()}, CallbackContext(validation.model, validation, EventLog(run), 60))


@pytest.mark.slow
def test_it_is_drawn_again_only_when_that_is_worth_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"])
    recipe = run / "recipe.toml"
    recipe.touch()
    callbacks = callbacks_of(run)
    callbacks.start(0)
    callbacks.after_step(20)
    assert not (run / "curves.png").exists()  # the run has just begun
    os.utime(recipe, (0, 0))
    callbacks.after_step(21)
    assert (run / "report.html").exists()
    assert not worth_redrawing(run)
    (run / "report.html").unlink()
    callbacks.after_step(22)
    assert not (run / "report.html").exists()
    callbacks.close(60)
    assert (run / "report.html").exists()
    os.utime(run / "curves.png", (0, 0))
    assert worth_redrawing(run)


def test_a_clock_that_was_set_back_neither_stops_nor_storms_the_drawing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"])
    (run / "curves.png").touch()
    written = (run / "metrics.jsonl").stat().st_mtime
    for drawn, wanted in ((written + 3600, True), (written + 1, False), (written - 1, False), (written - 3600, True)):
        os.utime(run / "curves.png", (drawn, drawn))
        assert worth_redrawing(run) is wanted
    for log in (1.0, 4e9):  # the file system has a clock of its own
        os.utime(run / "metrics.jsonl", (log, log))
        os.utime(run / "curves.png", (log - 1, log - 1))
        assert not worth_redrawing(run)


@pytest.mark.slow
def test_failure_to_draw_does_not_stop_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"], end=False)
    (run / "curves.png").mkdir()  # cannot be replaced by a file
    callbacks = callbacks_of(run)
    callbacks.start(0)
    callbacks.close(60)
    last = read_events(run / "metrics.jsonl")[-1]
    assert last["event"] == "warning"
    assert "the callback report failed and is left out" in last["message"]
    callbacks.close(60)
    assert read_events(run / "metrics.jsonl")[-1] == last
