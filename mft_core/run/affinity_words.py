"""Who helps whom, in words, and the commands that test it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mft_core.objective.affinity_summary import SPLIT, TOGETHER, Affinity, Grouping, TaskPair
from mft_core.support import run_files
from mft_core.support.lists import first_few

MOST_NAMES = 10
"""Tasks of a group that are named in a sentence; the commands name all."""


def affinity_lines(affinity: Affinity) -> Iterator[str]:
    """What the measurements say: a line each."""
    course, by_gain = affinity.course, affinity.gain is not None
    times = len(course.steps)
    yield (
        f"measured {times} time{'s' * (times != 1)}, {course.samples_per_task} training and validation samples a task "
        + ("each time" if times > 1 else "; one measurement has no interval: nothing can be said with it")
    )
    for pair in affinity.helps:
        yield _pair(pair, "helps", by_gain)
    for pair in affinity.hinders:
        yield _pair(pair, "hinders", by_gain)
    if times > 1 and not affinity.helps and not affinity.hinders:
        yield "no task is shown to help or hinder another: all intervals hold 0"
    if times > 1 and affinity.unhelped:
        yield (
            f"a step on {first_few(affinity.unhelped, MOST_NAMES, 'tasks')} is not shown to take anything off its own "
            "validation loss: what such steps do to other tasks says little (if they are too long: "
            "a lower train.learning_rate; if there are too few: a lower output.affinity_every)"
        )
    if affinity.conflicts:
        yield conflict_warning(affinity.conflicts)
    if affinity.grouping and times > 1:
        yield grouping_line(affinity.grouping)


def conflict_warning(conflicts: Sequence[TaskPair]) -> str:
    """Names both tasks of every pair, the worst first; of many, a few."""
    listed = [f"{pair.one!r} and {pair.other!r} ({_interval(pair, '+.2f')})" for pair in conflicts]
    what = "their gradients point away from each other, cosine and its interval"
    if len(listed) == 1:
        return f"tasks in conflict: {listed[0]}; {what}"
    return f"{len(listed)} pairs of tasks are in conflict: {first_few(listed, of_what='pairs')}; {what}"


def grouping_line(grouping: Grouping) -> str:
    """The groups and what they promise."""
    if grouping.verdict == TOGETHER:
        return "groups: no split into a few groups promises more than all tasks together"
    groups = " | ".join(first_few(group, MOST_NAMES, "tasks") for group in grouping.groups)
    if grouping.by == "cosine":
        return f"groups by cosine (no trial steps were taken, so what they gain is not known): {groups}"
    number = f"{grouping.advantage:+.3%}"
    if grouping.low is not None and grouping.high is not None:
        number += f" [{grouping.low:+.3%}, {grouping.high:+.3%}]"
    promise = f"off a task's validation loss by a step of each partner, beyond all tasks together: {number}"
    if grouping.verdict == SPLIT:
        return f"groups worth a test: {groups}; expected {promise}"
    return f"groups that look best, but are not shown to be better: {groups}; {promise}"


def commands_to_test(affinity: Affinity, run: Path, events: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(purpose, shell command): train the suggested groups, or find out whether the tasks need each other at all.

    Each group makes as many passes over its data as the run did.

    Args:
        run: the folder of a run on all tasks.
        events: of that run.
    """
    grouping = affinity.grouping
    if grouping is None:
        return []
    recipe = shlex.quote(str(run / run_files.RECIPE))
    if len(grouping.groups) == 1:
        return [("does it pay to learn them together?", f"mft compare {recipe} --arms single,mixed")]
    length, watched = _passes(events), _watched(events)
    return [
        (
            "one group alone, to be compared with this run",
            f"mft run {recipe} {_of_group(run, number, [*group, *watched])}{length}",
        )
        for number, group in enumerate(grouping.groups, 1)
    ]


def _of_group(run: Path, number: int, group: Sequence[str]) -> str:
    """Flags that train one group of a run's tasks, and watch what it watched, into a folder beside it."""
    include = f"data.include={json.dumps(list(group), ensure_ascii=False)}"
    output = shlex.quote(f"{run}-group-{number}")
    return f"--output {output} --set output.affinity=false --set {shlex.quote(include)}"


def affinity_as_json(affinity: Affinity, commands: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What affinity.json and `--json` hold."""
    words = list(affinity_lines(affinity))
    return {**affinity.as_json(), "words": words, "commands": [command for _, command in commands]}


def _passes(events: Sequence[Mapping[str, Any]]) -> str:
    """The flag for as many passes over the data as the whole run makes."""
    logged = [event for event in events if event["event"] == "train" and event.get("epoch") and event.get("steps")]
    if not logged:
        return ""
    last = logged[-1]
    return f" --epochs {last['epoch'] * last['steps'] / last['step']:.4g}"


def _watched(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """The tasks that the run measures and does not train."""
    return [name for event in events if event["event"] == "start" for name in event.get("watched", ())]


def _pair(pair: TaskPair, verb: str, by_gain: bool) -> str:
    if not by_gain:
        return f"{pair.one} {verb} {pair.other}: cosine of their gradients {_interval(pair, '+.2f')}"
    effect = "takes off" if pair.value > 0 else "adds to"
    size = pair if pair.value > 0 else replace(pair, value=-pair.value, low=-pair.high, high=-pair.low)
    return f"{pair.one} {verb} {pair.other}: what a step on it {effect} the validation loss: {_interval(size, '.3%')}"


def _interval(pair: TaskPair, form: str) -> str:
    return f"{format(pair.value, form)} [{format(pair.low, form)}, {format(pair.high, form)}]"
