"""Who helps whom, over the seeds of each arm that learns all tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mft_core.comparison.arms import ArmRun
from mft_core.events import read_events
from mft_core.objective.affinity import joined, read_course
from mft_core.objective.affinity_summary import summarised
from mft_core.run.affinity_words import affinity_as_json, commands_to_test
from mft_core.support import run_files
from mft_core.support.lists import first_few

if TYPE_CHECKING:
    from mft_core.comparison.runs import RunState

MOST_IN_TABLE, MOST_IN_HEAT_MAP = 12, 30
Found = Mapping[str, Mapping[str, Any]]
"""By arm, what its runs measured, in the form of affinity.json."""


def gather_affinity(runs: Sequence[ArmRun]) -> dict[str, dict[str, Any]]:
    """What the runs measured, if they did; the measurements of all seeds of an arm together.

    Commands are those for its first seed.
    """
    found = {}
    for arm in dict.fromkeys(run.arm for run in runs if not run.task):
        of_arm = [run for run in runs if run.arm == arm and _log(run).is_file()]
        logs = [read_events(_log(run)) for run in of_arm]
        read = [(run, log, course) for run, log in zip(of_arm, logs, strict=True) if (course := read_course(log))]
        if read:
            run, log, first = read[0]
            affinity = summarised(joined([course for _, _, course in read if course.tasks == first.tasks]))
            found[arm] = affinity_as_json(affinity, commands_to_test(affinity, run.folder, log))
    return found


def affinity_remarks(runs: Iterable[tuple[ArmRun, RunState]]) -> list[str]:
    """Of finished runs that shall measure who helps whom and have not, which is found while a run trains."""
    measuring = [(run, state) for run, state in runs if run.recipe.output.affinity and run.merging is None]
    late = [run for run, state in measuring if state.finished and not read_course(read_events(_log(run)))]
    if not late:
        return []
    some = f"{len(late)} of {len(measuring)} runs that would measure it" if len(late) < len(measuring) else "all runs"
    named = first_few([run.label for run in late], of_what="runs")
    why = f"who helps whom is measured while a run trains, and {some} had ended without: {named}"
    return [f"{why}; to measure it there too, compare in another --output"]


def _log(run: ArmRun) -> Path:
    return run.folder / run_files.METRICS


def shown_arm(found: Found, reference: str) -> str:
    """Whose measurements are shown: the reference's, else those of the first arm that has some."""
    return reference if reference in found else next(iter(found))


def standing_out(matrix: np.ndarray) -> list[int]:
    """All tasks; of too many for a heat map, those with the largest values beside the diagonal, in order."""
    if len(matrix) <= MOST_IN_HEAT_MAP:
        return list(range(len(matrix)))
    beside = np.abs(np.nan_to_num(matrix * (1 - np.eye(len(matrix)))))
    most = np.argsort(-np.maximum(beside.max(axis=0), beside.max(axis=1)), kind="stable")
    return sorted(most[:MOST_IN_HEAT_MAP].tolist())


def affinity_section(found: Found, reference: str) -> Iterator[str]:
    """The part of compare.md; of many tasks the words only."""
    if not found:
        return
    arm = shown_arm(found, reference)
    one = found[arm]
    yield f"\n## Who helps whom, in the runs of {arm}\n"
    tasks = one["tasks"]
    if len(tasks) <= MOST_IN_TABLE:
        by_gain = one["gain"] is not None
        unit = "share of the column's validation loss that a step on the row takes off"
        yield f"Mean {unit if by_gain else 'cosine of gradients'}, with its 95% interval.\n"
        yield "| a step on | " + " | ".join(map(_cell, tasks)) + " |"
        yield "| " + " | ".join("---" for _ in range(len(tasks) + 1)) + " |"
        form = "+.3%" if by_gain else "+.2f"
        ends = [np.array(one["gain" if by_gain else "cosine"][key], np.float64) for key in ("mean", "low", "high")]
        for row, task in enumerate(tasks):
            numbers = [[f"{matrix[row, column]:{form}}" for matrix in ends] for column in range(len(tasks))]
            yield f"| {_cell(task)} | " + " | ".join(f"{mean} [{low}, {high}]" for mean, low, high in numbers) + " |"
        yield ""
    yield from (f"- {_cell(line)}" for line in one["words"])
    yield from (f"- `{command}`" for command in one["commands"])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
