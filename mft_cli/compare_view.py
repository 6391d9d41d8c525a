"""A comparison on the terminal; made for 80 columns, in several tables where there are many arms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mft_cli.affinity_view import print_affinity
from mft_core.comparison.affinity import Found, shown_arm
from mft_core.comparison.arm import BASE
from mft_core.comparison.markdown import ALONE, rows, summary_lines, verdict
from mft_core.comparison.outcome import Comparison
from mft_core.comparison.results import HIGHER, LOWER, UNDECIDED, ArmResult, TaskComparison
from mft_core.comparison.statistics import CONFIDENCE
from mft_core.support import units

NAME_WIDTH = 24
CELL_WIDTH = 18
"""Columns that a loss or a difference takes with its half interval and the space before it."""
MOST_TASKS, MOST_SCORES = 24, 60
STYLES = {LOWER: "green", HIGHER: "red"}


def print_comparison(
    console: Console, comparison: Comparison, output: Path, all_tasks: bool = False, affinity: Found | None = None
) -> None:
    """Losses, differences to the reference, cost, scores, and where the files are.

    Of many tasks, those where an arm differs most from the reference, or `all_tasks`.
    """
    listed = _listed(comparison, all_tasks)
    rest = len(comparison.tasks) + 1 - len(listed)
    for table in (*_tables(console, comparison, listed, rest), _cost_table(comparison)):
        console.print(table)
    if comparison.scores:
        console.print(_score_table(comparison))
    for line in _words(comparison, listed):
        console.print(line, soft_wrap=True)
    for warning in comparison.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    if rest:
        console.print(Text(f"every task: compare.md, or mft report {output} --all-tasks"), soft_wrap=True)
    if affinity:
        arm = shown_arm(affinity, comparison.reference)
        print_affinity(
            console, affinity[arm]["words"], affinity[arm]["commands"], f"Who helps whom, in the runs of {arm}"
        )
    drawn = [*output.glob("compare.*"), *output.glob("affinity.png")]
    files = ", ".join(sorted(path.name for path in drawn))
    console.print(Text(f"written to {output}: {files}"), soft_wrap=True)


def _tables(
    console: Console, comparison: Comparison, listed: Sequence[tuple[str, TaskComparison]], rest: int
) -> Iterator[Table]:
    """Losses, and differences to the reference, with as many arms in a table as fit beside each other."""
    arms = [BASE, *comparison.arms]
    others = [arm for arm in arms if arm != comparison.reference]
    seeds = f"{comparison.seeds} seed{'s' * (comparison.seeds != 1)}"
    names = [units.shorten(units.printable(name, console.encoding), NAME_WIDTH) for name, _ in listed]
    fit = max(1, (console.width - max(map(len, names), default=0)) // CELL_WIDTH)
    for title, shown, cell in (
        (f"Validation loss, nats per token, {seeds}, {CONFIDENCE:.0%} intervals", arms, _loss),
        (f"Difference to {comparison.reference}; below 0 is better", others, _difference),
    ):
        for first in range(0, len(shown), fit):
            some = shown[first : first + fit]
            table = _table(title if not first else "", "task", *some)
            for name, (_, task) in zip(names, listed, strict=True):
                table.add_row(name, *(cell(task.arms.get(arm)) for arm in some))
            if rest:
                table.add_row(f"{rest} more tasks", style="dim")
            yield table


def _words(comparison: Comparison, listed: Sequence[tuple[str, TaskComparison]]) -> Iterator[Text]:
    """What the tables' words and marks mean, each arm against the reference, and the reading."""
    if any(result.verdict == UNDECIDED for _, task in listed for result in task.arms.values()):
        yield Text("differences without a word: no difference shown", style="dim")
    yield from map(Text, summary_lines(comparison))
    if any(ALONE in verdict(arm) for _, task in listed for arm in task.arms.values()):
        among = f"{comparison.reading.comparisons} comparisons"
        yield Text(f"{ALONE}: by its own interval, and not after correction for {among}")
    yield Text("What it says", style="bold")
    for sentence in comparison.reading.sentences:
        yield Text(f"- {sentence}")


def _listed(comparison: Comparison, all_tasks: bool) -> list[tuple[str, TaskComparison]]:
    """Rows of the tables: the mean and all tasks, or of too many those with the largest differences, in order."""
    listed = list(rows(comparison))
    if all_tasks or len(comparison.tasks) <= MOST_TASKS:
        return listed
    telling = sorted(comparison.tasks, key=_largest_difference, reverse=True)[:MOST_TASKS]
    kept = {task.name for task in (*telling, comparison.mean)}
    return [(name, task) for name, task in listed if task.name in kept]


def _largest_difference(task: TaskComparison) -> float:
    return max((abs(arm.difference) for arm in task.arms.values() if arm.difference is not None), default=0.0)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title or None, title_style="bold", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


def _loss(result: ArmResult | None) -> str:
    if result is None:
        return units.MISSING
    return f"{units.loss(result.loss)} {_half_width(result.low, result.high)}"


def _difference(result: ArmResult | None) -> Text:
    if result is None or result.difference is None:
        return Text(units.MISSING)
    number = f"{units.difference(result.difference)} {_half_width(result.difference_low, result.difference_high)}"
    word = "" if result.verdict == UNDECIDED else f"\n{verdict(result)}"
    return Text(f"{number}{word}", style=STYLES.get(result.corrected or result.verdict, ""))


def _half_width(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"+-{(high - low) / 2:.3f}"


def _cost_table(comparison: Comparison) -> Table:
    table = _table("Cost of one seed", "arm", "runs", "steps", "tokens", "time")
    for arm, cost in comparison.cost.items():
        steps, tokens = units.count(cost.steps), units.count(cost.tokens)
        table.add_row(arm, units.count(cost.runs), steps, tokens, units.duration(cost.seconds))
    return table


def _score_table(comparison: Comparison) -> Table:
    table = _table("Scores, mean over seeds", "scored", "metric", "arm", "value")
    for score in comparison.scores[:MOST_SCORES]:
        value = units.MISSING if score["mean"] is None else f"{score['mean']:.4g}"
        table.add_row(score["task"], score["metric"], score["arm"], value)
    if len(comparison.scores) > MOST_SCORES:
        table.add_row(f"{len(comparison.scores) - MOST_SCORES} more, see compare.md", style="dim")
    return table
