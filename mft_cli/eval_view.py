"""An evaluation on the terminal: how far it is, and its table."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mft_cli.display import print_line
from mft_core.evaluation.evaluator import EvaluationProgress
from mft_core.records import Score
from mft_core.support import units
from mft_core.support.lists import first_few

SECONDS_BETWEEN_LINES = 10.0
MOST_OF_A_METRIC = 24
BESIDE_NAMES = 50
"""Columns that the numbers need beside the names of sets; where there are fewer, cells are folded, never cut."""


class EvaluationView:
    """Shows progress: a bar on a terminal, else a plain line now and then; a context manager.

    Args:
        console: where to; on stderr when stdout carries JSON.
        clock: seconds, monotonic.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._last_line = float("-inf")
        self._bars: Progress | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[score]}"),
            )
            self._bars = Progress(*columns, TimeRemainingColumn(), console=console)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> EvaluationView:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def progress(self, now: EvaluationProgress) -> None:
        """Take in how far it is."""
        score = f"{units.percent(now.score)} so far" if now.score is not None and now.score <= 1 else ""
        if self._bars:
            if now.evaluator not in self._tasks:
                self._tasks[now.evaluator] = self._bars.add_task(now.evaluator, total=now.total, score="")
            self._bars.update(self._tasks[now.evaluator], completed=now.done, total=now.total, score=score)
        elif now.done >= now.total or self._clock() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = self._clock()
            print_line(self._console, f"{now.evaluator}: {now.done} of {now.total}  {score}".rstrip())

    def notice(self, text: str) -> None:
        """One line that stays."""
        print_line(self._console, text, "yellow")


def print_scores(console: Console, scores: Sequence[Score], folder: Path, all_tasks: bool = False) -> None:
    """The table, why sets in it were not measured, and where the files are.

    Of a metric of many sets, those with its lowest and its highest values, or `all_tasks`.
    """
    shown = list(scores) if all_tasks else _extremes(scores)
    widest = max((len(score.task) for score in shown), default=0)
    whole = widest + BESIDE_NAMES <= console.width
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("set", style="bold", no_wrap=whole, overflow="fold")
    table.add_column("metric", overflow="fold")
    for heading in ("value", "95% interval", "n"):
        table.add_column(heading, justify="right", no_wrap=whole, overflow="fold")
    table.add_column("protocol", style="dim", overflow="fold")
    for score in shown:
        number = _number(score.value, score)
        cells = (score.task, score.metric, number, _interval(score), str(score.n), score.protocol)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    if len(shown) < len(scores):
        rest = f"{len(scores) - len(shown)} more scores, between these: results.json, or --all-tasks"
        console.print(Text(rest, style="dim"), soft_wrap=True)
    _print_not_measured(console, scores)
    console.print(Text(f"written to {folder}"), soft_wrap=True)


def _extremes(scores: Sequence[Score]) -> list[Score]:
    """All scores but those in the middle of a metric that has many, in order."""
    left_out: set[int] = set()
    for metric in {score.metric for score in scores}:
        places = [place for place, score in enumerate(scores) if score.metric == metric]
        if len(places) > MOST_OF_A_METRIC:
            ranked = sorted(places, key=lambda place: (math.isnan(scores[place].value), scores[place].value))
            half = MOST_OF_A_METRIC // 2
            left_out.update(ranked[half:-half])
    return [score for place, score in enumerate(scores) if place not in left_out]


def _print_not_measured(console: Console, scores: Sequence[Score]) -> None:
    """Why sets were not measured: each reason once, with the sets it holds for."""
    reasons: dict[str, list[str]] = {}
    for score in scores:
        if "not_measured" in score.details:
            names = reasons.setdefault(str(score.details["not_measured"]), [])
            names += [score.task] if score.task not in names else []
    for reason, names in reasons.items():
        verb = "is" if len(names) == 1 else "are"
        line = units.printable(f"{first_few(names)} {verb} not measured: {reason}", console.encoding)
        console.print(Text(line, style="yellow", overflow="fold"))


def _interval(score: Score) -> str:
    return " .. ".join(_number(end, score) for end in score.interval) if score.interval else units.MISSING


def _number(value: float, score: Score) -> str:
    if not math.isfinite(value):
        return units.MISSING
    return units.percent(value) if score.details.get("best") == 1.0 else units.loss(value)
