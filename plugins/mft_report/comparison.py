"""compare.png: losses of every arm with their intervals, and differences to the reference arm, task by task."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.comparison.affinity import shown_arm
from mft_core.support.durable import whole_file
from mft_core.support.pictures import COLOURS, INK, drawing, png
from mft_core.support.units import printable, shorten
from mft_report.affinity import PICTURE as HEAT_MAPS
from mft_report.affinity import draw_affinity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE, OUTCOME = "compare.png", "compare.json"
MOST_TASKS = 24
WIDTH = 10.0
LEGEND_LETTERS = 120
"""About so many letters, marks counted as six, stand beside each other in the legend."""
MARKERS = "osD^vPX<>"
Row = tuple[str, Mapping[str, Mapping[str, Any]]]
"""What a task is called, and the results of its arms."""


def draw_comparison(folder: Path) -> None:
    """Draw the outcome that lies in `folder`, and who helps whom where that was measured."""
    outcome = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
    with whole_file(folder / PICTURE) as stream:
        stream.write(picture(outcome))
    if found := outcome.get("affinity"):
        heat_maps, _ = draw_affinity(found[shown_arm(found, outcome["reference"])])
        with whole_file(folder / HEAT_MAPS) as stream:
            stream.write(heat_maps)


def picture(outcome: Mapping[str, Any]) -> bytes:
    """The PNG of an outcome as compare.json has it."""
    with drawing():
        return png(comparison_figure(outcome))


def comparison_figure(outcome: Mapping[str, Any]) -> Figure:
    """Both panels with their legend; to be called, and drawn, within `drawing`."""
    from matplotlib.figure import Figure

    rows, arms = chosen_rows(outcome), ["base", *outcome["arms"]]
    others = [arm for arm in outcome["arms"] if arm != outcome["reference"]]
    columns = max(1, min(len(arms), LEGEND_LETTERS // (max(map(len, arms)) + 6)))
    height = 1.4 + 0.22 * math.ceil(len(arms) / columns) + len(rows) * max(0.35, 0.13 * len(arms))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _intervals(left, rows, arms, arms, ("loss", "low", "high"))
    left.set_title("Validation loss, nats per token")
    _intervals(right, rows, others, arms, ("difference", "difference_low", "difference_high"))
    right.set_title(f"Difference to {outcome['reference']}: left of 0 is better")
    right.axvline(0, color=INK, linewidth=1)
    _name_rows(left, [name for name, _ in rows])
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)
    return figure


def chosen_rows(outcome: Mapping[str, Any]) -> list[Row]:
    """The mean, then the tasks; of too many those where an arm differs most from the reference."""

    def largest(task: Mapping[str, Any]) -> float:
        arms = [arm for name, arm in task["arms"].items() if name != "base"]
        return max((abs(arm["difference"]) for arm in arms if arm["difference"] is not None), default=0.0)

    tasks = outcome["tasks"]
    if len(tasks) > MOST_TASKS:
        kept = {task["name"] for task in sorted(tasks, key=largest, reverse=True)[:MOST_TASKS]}
        tasks = [task for task in tasks if task["name"] in kept]
    named = [(shorten(printable(task["name"]), 24) + " (unseen)" * task["unseen"], task["arms"]) for task in tasks]
    return [("mean over tasks", outcome["mean"]["arms"]), *named]


def _intervals(axes: Axes, rows: Sequence[Row], arms: Sequence[str], order: Sequence[str], keys: Sequence[str]) -> None:
    """One point with its interval for each arm and row; an arm looks the same in both panels."""
    value, low, high = keys
    for arm in arms:
        index = order.index(arm)
        offset = 0.7 * ((index + 0.5) / len(order) - 0.5)
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        points = [(row + offset, results[arm]) for row, (_, results) in enumerate(rows) if arm in results]
        points = [(height, result) for height, result in points if result[value] is not None]
        for height, result in points:
            if result[low] is not None and result[high] is not None:
                axes.plot([result[low], result[high]], [height, height], color=colour)
        axes.plot(
            [result[value] for _, result in points],
            [height for height, _ in points],
            marker, color=colour, markersize=4.5, label=arm.lstrip("_"),
        )  # fmt: skip


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
