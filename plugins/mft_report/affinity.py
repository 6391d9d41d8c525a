"""Who helps whom, as heat maps: a row for the task that acts, a column for the one that it acts on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mft_core.comparison.affinity import standing_out
from mft_core.support.pictures import drawing, png
from mft_core.support.units import printable, shorten
from mft_report.curves import element

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE = "affinity.png"
MOST_WITH_NUMBERS, MOST_SIDE_BY_SIDE = 12, 8
WIDTH, NAME_WIDTH = 10.0, 24
COLOURS = "PuOr"
"""Orange hinders, purple helps: a pair that colour-blind readers can tell apart, pale around 0."""
DARK, PALE = "#101010", "#fdfdfd"


def draw_affinity(found: Mapping[str, Any]) -> tuple[bytes, str]:
    """The figure as (PNG file, SVG element).

    Args:
        found: as affinity.json has it.
    """
    with drawing():
        figure = heat_maps(found)
        figure.draw_without_rendering()
        figure.set_layout_engine(None)
        return png(figure), element(figure)


def heat_maps(found: Mapping[str, Any]) -> Figure:
    """Cosines, and gains of trial steps where some were taken; of very many tasks those that stand out most.

    Cells whose interval holds 0 are pale: they may be nothing.
    """
    from matplotlib.figure import Figure

    cosine, gain = _matrices(found["cosine"]), _matrices(found["gain"]) if found["gain"] else None
    shown = standing_out(cosine[0] if gain is None else gain[0])
    names = [shorten(printable(found["tasks"][task]), NAME_WIDTH) for task in shown]
    cells = np.ix_(range(3), shown, shown)
    parts: list[tuple[str, np.ndarray, float | None]] = [
        ("Cosine of training and validation gradients", cosine[cells], 1.0)
    ]
    if gain is not None:
        parts.append(("Loss that a step takes off, %", 100 * gain[cells], None))
    beside = len(shown) <= MOST_SIDE_BY_SIDE
    rows = 1 if beside else len(parts)
    height = rows * (1.6 + max(1.6, min(0.42, 6.5 / len(shown)) * len(shown)))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, len(parts) // rows, squeeze=False).flatten()
    for each, (title, values, limit) in zip(axes, parts, strict=True):
        _heat_map(figure, each, names, values, limit)
        each.set_title(title)
    return figure


def _matrices(found: Mapping[str, Any]) -> np.ndarray:
    """float64 [3, N, N]: mean, low and high; NaN for null."""
    return np.array([found["mean"], found["low"], found["high"]], np.float64)


def _heat_map(figure: Figure, axes: Axes, names: Sequence[str], values: np.ndarray, limit: float | None) -> None:
    """One matrix; colours reach from -`limit` to `limit`, or as far as the cells beside the diagonal do."""
    mean, low, high = values
    sure = (low > 0) | (high < 0)
    beside = mean[~np.eye(len(mean), dtype=bool)]
    known = beside[np.isfinite(beside)]
    reach = limit or (float(np.abs(known).max()) if len(known) else 0.0) or 1.0
    decimals = 2 if limit else max(0, 1 - math.floor(math.log10(reach)))
    image = axes.imshow(
        mean, cmap=COLOURS, vmin=-reach, vmax=reach, alpha=np.where(sure, 1.0, 0.35), interpolation="nearest"
    )
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_parse_math(False)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set(xlabel="... does this to the loss of", ylabel="a step on ...")
    figure.colorbar(image, ax=axes, shrink=0.8)
    if len(names) > MOST_WITH_NUMBERS:
        return
    for (row, column), value in np.ndenumerate(mean):
        if np.isfinite(value):
            strong = sure[row, column] and abs(value) > 0.6 * reach
            weight = "bold" if sure[row, column] else "normal"
            colour = PALE if strong else DARK
            axes.text(
                column,
                row,
                f"{value:+.{decimals}f}",
                ha="center",
                va="center",
                fontsize=7,
                color=colour,
                fontweight=weight,
            )
