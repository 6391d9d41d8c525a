"""Which tasks are lines, and how they differ."""

from __future__ import annotations

from pathlib import Path

from helpers.made_up_runs import write_run
from mft_core.run.drawn_tasks import choose
from mft_core.run.history import history
from mft_core.run.results import load_events


def test_many_tasks_are_bands_with_the_extremes_named(tmp_path: Path) -> None:
    names = [f"task-{index}" for index in range(100)]
    choice = choose(history(names, load_events(write_run(tmp_path / "run", names))))
    assert choice.bands
    assert len(choice.lines) == 6
    assert choice.lines[-1].label == "task-99"
    assert {line.label for line in choice.lines[:3]} <= set(names[:5])
    assert len({line.colour for line in choice.lines}) == 6


def test_few_tasks_are_all_lines_that_differ(tmp_path: Path) -> None:
    names = [f"task-{index}" for index in range(14)]
    choice = choose(history(names, load_events(write_run(tmp_path / "run", names))))
    assert [line.label for line in choice.lines] == names
    assert not choice.bands
    assert len({(line.colour, line.dash) for line in choice.lines}) == 14
