"""How much of the data is lost for its length, and which length would keep most of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

from mft_core.data.tasks import Task, TaskReport, TaskSet

WORTH_SAYING = Fraction(1, 100)
"""A smaller part that is lost is only in the table of tasks."""
GOALS = (Fraction(95, 100), Fraction(99, 100))
"""Part of a task that a longer `max_length` should keep: the first that is not kept already."""
MOST_NAMED = 3
FINE_STEP, COARSE_STEP, COARSE_FROM = 64, 256, 1024
"""Lengths that are proposed are multiples of 64 tokens, from 1,024 on of 256."""


def length_warnings(tasks: TaskSet, max_length: int, overlong: str, longest: int | None) -> Iterable[str]:
    """One line for each task that loses 1% or more, at most three, those that lose most; then a count of the others.

    Args:
        max_length: tokens that a sample may have, where its task says nothing else.
        overlong: what happens to longer ones, as in `data.overlong`.
        longest: tokens that the model knows positions for; None: no limit.
    """
    shares = [(lost_share(task.report), task) for task in tasks.every]
    losing = sorted(((share, task) for share, task in shares if share >= WORTH_SAYING), key=lambda pair: -pair[0])
    fate = "cut" if overlong == "truncate" else "dropped"
    for share, task in losing[:MOST_NAMED]:
        limit = _limit(task, max_length)
        longer = _proposal(task, longest, max_length, whole=overlong == "truncate")
        yield f"{_lost(share)} of {task.name} is over {limit:,} tokens; {longer}; now it is {fate}"
    rest = [_limit(task, max_length) for _, task in losing[MOST_NAMED:]]
    if rest:
        worst = _lost(losing[MOST_NAMED][0])
        limits = f"{rest[0]:,}" if len(set(rest)) == 1 else f"{min(rest):,} to {max(rest):,}"
        yield f"up to {worst} of {len(rest):,} more task{'s' * (len(rest) != 1)} is over {limits} tokens and {fate}"


def _limit(task: Task, max_length: int) -> int:
    own = task.sampling.max_length
    return max_length if own is None else min(own, max_length)


def lost_share(report: TaskReport) -> Fraction:
    """Of a task's records that are no bad ones, the part that is dropped or cut for its length."""
    usable = report.fit_to_learn
    return Fraction(sum(report.longer.values()), usable) if usable else Fraction(0)


def _proposal(task: Task, longest: int | None, max_length: int, whole: bool) -> str:
    """What to set `max_length` to, `data.max_length` or the task's own, and what that keeps of its records."""
    report = task.report
    goal = next((goal for goal in GOALS if 1 - lost_share(report) < goal), Fraction(1))
    ends = sorted(map(int, report.longer))
    reached = next(length for length in ends if kept_share(report, length) >= goal or length == ends[-1])
    step = FINE_STEP if reached <= COARSE_FROM else COARSE_STEP
    length = -(-reached // step) * step
    limit = ""
    if longest is not None and length > longest:
        length, limit = longest, ", all the model has positions for,"
    if kept_share(report, length) <= 1 - lost_share(report):
        return 'no more fits into the model\'s positions: see data.overlong for "truncate" and "split"'
    kept = f"{_kept(kept_share(report, length))}{' whole' * whole}"
    keys = [f"--set data.max_length={length}"] if length > max_length else []
    if task.sampling.max_length is not None:
        keys = [f"max_length = {length} in its [[data.tasks]]", *keys]
    return f"{length:,}{limit} would keep {kept} ({' and '.join(keys)})"


def kept_share(report: TaskReport, length: int) -> Fraction:
    """Of a task's records that are no bad ones, the part that surely has at most `length` tokens."""
    usable = report.fit_to_learn
    lost = sum(count for tokens, count in report.longer.items() if int(tokens) > length)
    return Fraction(usable - lost, usable)


def _lost(share: Fraction) -> str:
    return f"{min(round(100 * share), 99 if share < 1 else 100)}%"


def _kept(share: Fraction) -> str:
    """Rounded down: never more than is true."""
    return f"{math.floor(100 * share)}%"
