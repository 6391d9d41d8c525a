"""A radar chart: one axis per set, one outline per model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FEWEST_AXES = 3
FILE = "radar.png"


def shares(results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """ "set metric" -> value as a share of a perfect one, of every row that has such a thing."""
    return {
        f"{row['set']}\n{row['metric']}": row["value"] / row["best"]
        for row in results
        if row.get("best") and row["value"] is not None
    }


def draw_radar(models: Sequence[tuple[str, Mapping[str, float]]], path: Path) -> bool:
    """Draw the axes that all models have in common, as a PNG file.

    Args:
        models: name, and `shares` of its results.
        path: of the file.

    Returns:
        Whether there were axes enough; with fewer than three nothing is drawn.
    """
    axes = [axis for axis in models[0][1] if all(axis in values for _, values in models)]
    if len(axes) < FEWEST_AXES:
        return False
    from matplotlib.figure import Figure

    angles = [2 * math.pi * number / len(axes) for number in range(len(axes))]
    figure = Figure(figsize=(7, 7), layout="constrained")
    plot: Any = figure.add_subplot(projection="polar")
    for name, values in models:
        heights = [values[axis] for axis in axes]
        (line,) = plot.plot([*angles, angles[0]], [*heights, heights[0]], label=name, linewidth=1.8)
        plot.fill(angles, heights, color=line.get_color(), alpha=0.12)
    plot.set_xticks(angles, axes)
    plot.set_ylim(0, max(0.05, *(values[axis] for _, values in models for axis in axes)))
    plot.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    figure.legend(loc="lower center", ncols=min(3, len(models)), bbox_to_anchor=(0.5, -0.06))
    figure.savefig(path, dpi=130, bbox_inches="tight")
    return True
