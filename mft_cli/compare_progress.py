"""Progress of several runs at a time: one table that redraws itself, or plain lines; all lines in a log file too."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.table import Table

from mft_cli.display import LiveView, print_line
from mft_cli.progress_lines import notice_line, plain_line
from mft_cli.progress_state import State
from mft_core.events import Event
from mft_core.support import units
from mft_core.support.durable import append_whole
from mft_core.support.redact import redact

if TYPE_CHECKING:
    from mft_cli.compare_job import RunEnd, RunJob

NOTICES = ("warning", "skip")


class EventFile:
    """The events that another process appends to a file."""

    def __init__(self, path: Path, run: Path) -> None:
        self._path = path
        self._run = run
        self._read = 0

    def new(self) -> list[Event]:
        """Those that have come since the last call; a line that is still being written comes later."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as stream:
            stream.seek(self._read)
            lines = stream.read().rpartition(b"\n")[0]
        self._read += len(lines) + bool(lines)
        return [self._event(json.loads(line)) for line in lines.splitlines()]

    def _event(self, values: dict[str, Any]) -> Event:
        return Event(values.pop("event"), values.pop("step"), self._run, values)


@dataclass(slots=True)
class _Watched:
    events: EventFile
    state: State = field(default_factory=State)


class RunsProgress(LiveView):
    """Shows runs that go on in other processes.

    Args:
        console: where to.
        log: a file that gets every line, with the time in UTC.
        jobs: the runs there are to be, by label.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        console: Console,
        log: Path,
        jobs: Mapping[str, RunJob],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._log = log
        self._jobs = jobs
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._ended = 0
        super().__init__(console, self._render)

    def begin(self, label: str) -> None:
        """A run's process is about to be started."""
        job = self._jobs[label]
        job.events.unlink(missing_ok=True)  # of a process that was killed
        self._watched = {**self._watched, label: _Watched(EventFile(job.events, job.folder))}
        self._line(label, "begins")

    def look(self, label: str) -> None:
        """Take in what has happened in a run since."""
        run = self._watched[label]
        for event in run.events.new():
            now = self._clock()
            run.state = run.state.after(event, now)
            notice = event.name in NOTICES
            text = notice_line(event) if notice else plain_line(run.state, event, now)
            if text:
                self._line(label, text, "yellow" if notice else "", stays=notice)

    def end(self, label: str, outcome: RunEnd, *, stopping: bool) -> None:
        """A run's process has ended: well, asked to stop, or neither, which is told with what it says itself."""
        self._watched = {other: run for other, run in self._watched.items() if other != label}
        self._jobs[label].events.unlink(missing_ok=True)
        if outcome.code == 0:
            self._ended += 1
            self._line(label, f"finished ({self._ended} of {len(self._jobs)})", stays=True)
        elif stopping:
            self._line(label, "stopped", "yellow", stays=True)
        else:
            said = outcome.message or f"ended with exit code {outcome.code}"
            self._line(label, f"failed: {said}", "red", stays=True)
            if outcome.hint:
                self._line(label, outcome.hint, "cyan", stays=True)
            self._line(label, f"its log: {self._jobs[label].log}", stays=True)

    def _line(self, label: str, text: str, style: str = "", stays: bool = False) -> None:
        """One line: in the log, and on the screen unless a table is there to show what does not matter for long."""
        line = f"{label}: {text}"
        stamp = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
        logged = redact(" ".join(line.splitlines()))
        append_whole(self._log, f"{stamp} {logged}\n".encode("utf-8", "backslashreplace"))
        if stays or not self._live:
            print_line(self._console, line, style)

    def _render(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
        table.title = f"{self._ended} of {len(self._jobs)} runs finished"
        table.add_column("run", style="bold")
        for heading in ("step", "loss", "left"):
            table.add_column(heading, justify="right", no_wrap=True)
        now = self._clock()
        for label, run in self._watched.items():
            table.add_row(units.shorten(units.printable(label), 40), *_numbers(run.state, now))
        return table


def _numbers(state: State, now: float) -> tuple[str, str, str]:
    """Step, loss and time left."""
    if state.clock is None:
        return "preparing", "", ""
    left = state.clock.left(state.step, now)
    seconds = "" if left is None else units.duration(left)
    return f"{state.step}/{state.clock.steps}", units.loss(state.numbers.get("loss")), seconds
