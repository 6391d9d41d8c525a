"""Writing curves.png and report.html: whole or not at all, and not too often."""

from __future__ import annotations

from pathlib import Path

from mft_core.errors import MftError
from mft_core.run.results import RunFacts, load_events, run_facts
from mft_core.support import run_files
from mft_core.support.durable import whole_file

CURVES = "curves.png"
REPORT = "report.html"

SECONDS_BETWEEN = 60.0
BYTES_PER_SECOND = 100_000
"""Redrawing reads the whole log, tens of megabytes a second; this keeps it near one percent of a run's time."""


def worth_redrawing(run: Path) -> bool:
    """Whether the last drawing, or else the run's start, is so long ago that a new one costs next to nothing.

    Times of files are compared with each other, as the log is written now: the file system may have a clock of its own.
    One that was set back counts as time gone by; drawing sets the time anew, so that it is drawn once for that.
    """
    last = run / CURVES if (run / CURVES).exists() else run / run_files.RECIPE
    log = (run / run_files.METRICS).stat()
    wait = max(SECONDS_BETWEEN, log.st_size / BYTES_PER_SECOND)
    return abs(log.st_mtime - last.stat().st_mtime) > wait


def redraw(run: Path) -> RunFacts:
    """Draw the run's files anew from its metrics.jsonl and hand back the facts they show.

    Raises:
        UsageError: `run` is no run folder.
        MftError: a file cannot be written.
    """
    from mft_core.run.history import history
    from mft_report.curves import draw
    from mft_report.page import page

    events = load_events(run)
    facts = run_facts(run, events)
    names, watched = ([task.name for task in some] for some in (facts.tasks, facts.watched))
    png, svg = draw(history(names, events, watched), facts.steps or facts.step)
    _write(run / CURVES, png)
    heat_map = _heat_map(facts)
    _write(run / REPORT, page(facts, svg, heat_map).encode())
    return facts


def _heat_map(facts: RunFacts) -> str:
    """Draw who helps whom, where that was measured; as an SVG element, "": it was not."""
    from mft_core.run.affinity_words import affinity_as_json
    from mft_report.affinity import PICTURE, draw_affinity

    if facts.affinity is None:
        return ""
    picture, element = draw_affinity(affinity_as_json(facts.affinity, facts.tests))
    _write(facts.run / PICTURE, picture)
    return element


def _write(path: Path, content: bytes) -> None:
    try:
        with whole_file(path) as stream:
            stream.write(content)
    except OSError as error:
        raise MftError(f"cannot write {path}: {error.strerror}", "make room, or make the folder writable") from error
