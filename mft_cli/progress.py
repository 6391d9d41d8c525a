"""Live progress of a run: a table that redraws itself on a terminal, one plain line per event in a log."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mft_cli.display import LiveView, print_line
from mft_cli.progress_lines import most_telling, notice_line, overall, plain_line, train_line
from mft_cli.progress_state import State
from mft_core.events import Event
from mft_core.support import units

SECONDS_BETWEEN_LINES = 10.0


class Progress(LiveView):
    """Shows a run as it goes: a listener of its events, and a context manager around it.

        with Progress(Console()) as progress:
            tokenize(..., on_progress=progress.tokenizing)
            train(EventLog(run, {"progress": progress}))

    Args:
        console: where to; a `Console(stderr=True)` when stdout carries JSON. Plain lines unless it is a terminal.
        clock: seconds, monotonic.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._state = State()
        self._work = ""
        self._last_line = float("-inf")
        self._ended = False
        super().__init__(console, self._render)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        # The display is gone now: keep what it last said where a run broke off.
        if self._live and not self._ended and self._state.numbers:
            self._line(train_line(self._state, self._clock()))

    def message(self, text: str, style: str = "") -> None:
        """One line that stays, such as what is being downloaded."""
        self._line(text, style)

    def tokenizing(self, task: str, done: int, total: int) -> None:
        """Progress of reading and tokenising: `done` of `total` bytes of the files of `task`."""
        share = f": {round(100 * done / total)}%" if total else ""
        self._at_work(f"tokenising {task}{share}", finished=bool(total) and done >= total)

    def working(self, what: str, done: int, total: int) -> None:
        """Progress of any long work before training; `total` 0: unknown."""
        text = f"{what}: {done:,} of {total:,}" if total else f"{what}: {done:,}"
        self._at_work(text, finished=bool(total) and done >= total)

    def _at_work(self, text: str, finished: bool) -> None:
        self._work = text
        now = self._clock()
        if not self._live and (finished or now - self._last_line >= SECONDS_BETWEEN_LINES):
            self._line(self._work)
            self._last_line = now

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        now = self._clock()
        self._state = self._state.after(event, now)
        self._work = ""
        self._ended = self._ended or event.name == "end"
        if event.name in ("warning", "decision", "skip"):
            self._line(notice_line(event), "yellow")
        elif not self._live:
            line = plain_line(self._state, event, now)
            if line:
                self._line(line)

    def _line(self, text: str, style: str = "") -> None:
        print_line(self._console, text, style)

    def _render(self) -> RenderableType:
        state, work = self._state, self._work
        if state.clock is None:
            return Text(work or "preparing", style="dim")
        numbers = Text("  ".join(overall(state, self._clock())), no_wrap=True)
        bar = Table.grid(expand=True)  # a bar by itself ends in no line break
        bar.add_row(ProgressBar(total=max(1, state.clock.steps), completed=state.step))
        return Group(numbers, bar, _table(state))


def _table(state: State) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("task", style="bold")
    for heading in ("loss", "weight", "tokens", "validation loss"):
        table.add_column(heading, justify="right", no_wrap=True)
    tasks = state.tasks
    shown = most_telling({name: task.validation if task.loss is None else task.loss for name, task in tasks.items()})
    for name in shown:
        task = tasks[name]
        label = Text(units.shorten(units.printable(name), 32), no_wrap=True, overflow="crop")
        table.add_row(
            label,
            units.loss(task.loss),
            units.weight(task.weight),
            units.count(task.tokens),
            units.loss(task.validation),
        )
    rest = [task for name, task in tasks.items() if name not in shown]
    if rest:
        tokens = units.count(sum(task.tokens for task in rest))
        trained, validation = (_median([getattr(task, key) for task in rest]) for key in ("loss", "validation"))
        table.add_row(f"{len(rest)} more", trained, "", tokens, validation)
    return table


def _median(losses: list[float | None]) -> str:
    known = [loss for loss in losses if loss is not None]
    return f"median {units.loss(statistics.median(known))}" if known else units.MISSING
