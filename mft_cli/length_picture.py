"""The picture of `mft check --picture`: lengths and supervision of every task, and what each `max_length` costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mft_core.data.record_lengths import UP_TO
from mft_core.errors import MftError
from mft_core.support.durable import whole_file
from mft_core.support.pictures import COLOURS, INK, drawing, png, svg
from mft_core.support.units import count, printable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from mft_core.data.record_lengths import LengthCost
    from mft_core.run.length_costs import LengthCosts

MOST_PANELS, MOST_ROWS = 24, 120
"""Tasks that have a panel of their own, and that have a row where there are more."""
WIDTH, PANEL_HEIGHT, ROW_HEIGHT, COSTS_HEIGHT = 11.0, 1.85, 0.145, 2.7
TARGETS, CONTEXT, LIMIT = COLOURS[0], "#b9c0c9", COLOURS[4]
WIDEST_NAME, NAMED = 26, 3


def draw_lengths(costs: LengthCosts, path: Path) -> None:
    """Draw into a .png or .svg file.

    Raises:
        MftError: it cannot be written.
    """
    with drawing():
        figure = picture(costs)
        content = svg(figure).encode() if path.suffix.lower() == ".svg" else png(figure)
    try:
        with whole_file(path) as stream:
            stream.write(content)
    except OSError as error:
        raise MftError(f"{path} cannot be written: {error}", "Check the space and the rights there.") from error


def picture(costs: LengthCosts) -> Figure:
    """The figure: tasks above, each in a panel or, where they are many, in a row; costs below."""
    from matplotlib.figure import Figure

    names = by_loss(costs)
    columns = panel_columns(len(names))
    many = len(names) > MOST_PANELS
    rows = min(len(names), MOST_ROWS)
    height = 1.0 + rows * ROW_HEIGHT if many else 0.5 + -(-rows // columns) * PANEL_HEIGHT * (1 + (columns == 1))
    figure = Figure(figsize=(WIDTH, height + COSTS_HEIGHT), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[height, COSTS_HEIGHT])
    above, below = parts
    if many:
        _rows(above, costs, names[:MOST_ROWS])
    else:
        _panels(above, costs, list(costs.histograms), columns)
    _costs(below, costs, names)
    return figure


def panel_columns(tasks: int) -> int:
    """How many panels stand side by side."""
    return min(tasks, 2) if tasks <= 6 else 3 if tasks <= 12 else 4


def by_loss(costs: LengthCosts) -> list[str]:
    """The tasks, those that lose most at the recipe's own length first; of equal ones, those of longer records."""

    def key(name: str) -> tuple[float, float]:
        records = costs.histograms[name].records
        mean = float((records * np.arange(len(records))).sum() / max(1, records.sum()))
        return -costs.own.tasks[name].lost_share, -mean

    return sorted(costs.histograms, key=key)


def bins_shown(costs: LengthCosts) -> range:
    """The bins from the shortest record of all tasks to the longest, and that of the recipe's length."""
    used = np.flatnonzero(sum(histogram.records for histogram in costs.histograms.values()))
    own = int(np.searchsorted(UP_TO, costs.max_length))
    return range(min([own, *used.tolist()]), max([own, *used.tolist()]) + 1)


def place_of(length: int, bins: range) -> float:
    """Where a length lies on an axis on which bin `bins[b]` is around b."""
    edges = np.array([0, *UP_TO], np.float64)
    number = int(np.searchsorted(UP_TO, length))
    if number == len(UP_TO):
        return len(bins) - 0.5
    inside = (length - edges[number]) / (edges[number + 1] - edges[number])
    return number - bins.start - 0.5 + float(inside)


def _panels(figure: SubFigure, costs: LengthCosts, names: Sequence[str], columns: int) -> None:
    """Each task's lengths, split into targets and the rest, and beside them its samples by their supervised part."""
    rows, bins = -(-len(names) // columns), bins_shown(costs)
    axes = figure.subplots(rows, 2 * columns, squeeze=False, width_ratios=[3, 1] * columns)
    for number, name in enumerate(names):
        row, column = divmod(number, columns)
        _lengths(axes[row, 2 * column], costs, name, bins)
        _supervision(axes[row, 2 * column + 1], costs, name)
        if number + columns >= len(names):  # the last of its column
            axes[row, 2 * column].set_xlabel("tokens, up to", fontsize=7)
            axes[row, 2 * column + 1].set_xlabel("supervised", fontsize=7)
    for number in range(len(names), rows * columns):
        row, column = divmod(number, columns)
        axes[row, 2 * column].set_axis_off()
        axes[row, 2 * column + 1].set_axis_off()
    _legend(figure, costs)


def _lengths(axes: Axes, costs: LengthCosts, name: str, bins: range) -> None:
    histogram, cost = costs.histograms[name], costs.own.tasks[name]
    chosen = slice(bins.start, bins.stop)
    records, tokens = histogram.records[chosen], histogram.tokens[chosen]
    targets = records * histogram.supervised[chosen] / np.maximum(tokens, 1)
    places = np.arange(len(bins))
    axes.bar(places, targets, width=0.92, color=TARGETS)
    axes.bar(places, records - targets, width=0.92, bottom=targets, color=CONTEXT)
    axes.axvline(place_of(costs.max_length, bins), color=LIMIT, linewidth=1.2)
    axes.set_xlim(-0.6, len(bins) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_locator(_few_integers())
    _length_ticks(axes, bins, most=7)
    axes.set_title(_name(name), fontsize=8.5, pad=12, parse_math=False)
    over = f", {_percent(cost.lost_share)} {'cut or dropped' if costs.overlong == 'truncate' else 'dropped'}"
    axes.text(
        0.0, 1.03, f"{count(cost.records)} records{over * (cost.lost_share > 0)}",
        transform=axes.transAxes, ha="left", va="bottom", fontsize=6.5, alpha=0.8,
    )  # fmt: skip


def _supervision(axes: Axes, costs: LengthCosts, name: str) -> None:
    tenths = costs.histograms[name].supervision
    axes.bar(np.arange(len(tenths)) + 0.5, tenths, width=0.9, color=TARGETS)
    axes.set_xlim(0, len(tenths))
    axes.set_xticks([0, 5, 10], ["0", "50", "100%"], fontsize=7)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)


def _rows(figure: SubFigure, costs: LengthCosts, names: Sequence[str]) -> None:
    """Heat maps: a row for each task, as dark as its part of records in a bin."""
    bins = bins_shown(costs)
    lengths, supervision = figure.subplots(1, 2, width_ratios=[3, 1], sharey=True)
    chosen = slice(bins.start, bins.stop)
    left = _parts([costs.histograms[name].records[chosen] for name in names])
    right = _parts([costs.histograms[name].supervision for name in names])
    for axes, parts in ((lengths, left), (supervision, right)):
        axes.imshow(parts, aspect="auto", cmap="Blues", vmin=0, vmax=max(0.3, float(np.quantile(parts, 0.98))))
        axes.grid(visible=False)
    lengths.axvline(place_of(costs.max_length, bins), color=LIMIT, linewidth=1.4)
    _length_ticks(lengths, bins, most=14)
    lengths.set_xlabel("tokens of a record, up to")
    lengths.set_yticks(range(len(names)), [_name(name) for name in names], fontsize=6.5)
    for text in lengths.get_yticklabels():
        text.set_parse_math(False)
    supervision.tick_params(axis="y", left=False)
    supervision.set_xticks([-0.5, 4.5, 9.5], ["0", "50", "100%"])
    supervision.set_xlabel("supervised part of a sample")
    some = f"{len(names)} of {len(costs.histograms)} tasks" if len(names) < len(costs.histograms) else "Tasks"
    lengths.set_title(f"{some}, those that lose most first: the darker, the more of a task's records")
    _legend(figure, costs, colours=False)


def _parts(counts: Sequence[np.ndarray]) -> np.ndarray:
    """float64 [tasks, bins], each row's share."""
    stacked = np.stack(counts).astype(np.float64)
    return stacked / np.maximum(stacked.sum(axis=1, keepdims=True), 1)


def _length_ticks(axes: Axes, bins: range, most: int) -> None:
    """Powers of two, at the right end of their bins, no more than there is room for."""
    powers = [number for number in bins if number < len(UP_TO) and UP_TO[number] & (UP_TO[number] - 1) == 0]
    shown = powers[:: -(-len(powers) // most)] if powers else []
    labels = [_short(UP_TO[number]) for number in shown]
    axes.set_xticks([number - bins.start + 0.5 for number in shown], labels, fontsize=7)


def _costs(figure: SubFigure, costs: LengthCosts, names: Sequence[str]) -> None:
    """What every length costs: records, targets, and the optimizer steps of an epoch."""
    records, targets, epoch = figure.subplots(1, 3)
    records.set_title(f"Records dropped{' or cut' * (costs.overlong == 'truncate')}")
    _curves(records, costs, names, lambda cost: cost.lost_share)
    targets.set_title("Supervised tokens lost")
    _curves(targets, costs, names, lambda cost: cost.supervised_lost_share)
    _epochs(epoch, costs)
    for axes in (records, targets, epoch):
        axes.set_xticks(range(len(costs.costs)), [_short(cost.max_length) for cost in costs.costs], fontsize=7)
        axes.set_xlabel("max_length")
        axes.grid(visible=False, axis="x")


def _curves(axes: Axes, costs: LengthCosts, names: Sequence[str], share: Callable[[LengthCost], float]) -> None:
    """All tasks together, and each alone: those that lose most by their names."""
    axes.axvline(costs.costs.index(costs.own), color=LIMIT, linewidth=1.2)
    named = {}
    for number, name in reversed(list(enumerate(names)) if len(names) > 1 else []):
        shown = number < NAMED and costs.own.tasks[name].lost_share > 0
        colour, width = (COLOURS[1 + number], 1.4) if shown else (CONTEXT, 0.7)
        (line,) = axes.plot([share(cost.tasks[name]) for cost in costs.costs], color=colour, linewidth=width)
        if shown:
            named[_name(name)] = line
    (named["all tasks"],) = axes.plot([share(cost.total) for cost in costs.costs], color=INK, linewidth=2.2)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    if len(names) > 1:
        _name_lines(axes, dict(reversed(named.items())))


def _name_lines(axes: Axes, lines: Mapping[str, Any]) -> None:
    """A legend. The names are set afterwards: as labels, those with "_" in front would be hidden."""
    places = ["x" * len(name) for name in lines]
    legend = axes.legend(
        list(lines.values()), places, loc="upper right", fontsize=6.5, handlelength=1.5,
        frameon=True, framealpha=0.85, edgecolor="none",
    )  # fmt: skip
    for text, name in zip(legend.get_texts(), lines, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def _epochs(axes: Axes, costs: LengthCosts) -> None:
    for place, cost in enumerate(costs.costs):
        axes.bar(place, cost.steps, color=CONTEXT if cost.estimated else TARGETS)
        axes.text(place, cost.steps, f"{1 - cost.packing_efficiency:.1%}", ha="center", va="bottom", fontsize=6.5)
    estimated = ", grey: estimated" * any(cost.estimated for cost in costs.costs)
    axes.set_title("Steps an epoch")
    axes.set_title(f"on top: padding{estimated}", loc="right", fontsize=7, fontweight="normal", alpha=0.75)
    axes.yaxis.set_major_locator(_few_integers())
    axes.margins(y=0.12)


def _legend(figure: SubFigure, costs: LengthCosts, colours: bool = True) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Line2D([], [], color=LIMIT, label=f"max_length {costs.max_length:,}")]
    if colours:
        handles = [Patch(color=TARGETS, label="supervised tokens"), Patch(color=CONTEXT, label="others"), *handles]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, fontsize=7.5)


def _few_integers() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=3, integer=True, min_n_ticks=1)


def _name(name: str) -> str:
    return shorten(printable(name), WIDEST_NAME)


def _percent(share: float) -> str:
    return "under 1%" if share < 0.01 else f"{share:.0%}"


def _short(length: int) -> str:
    """Such as 512 or 4k."""
    return f"{length // 1024}k" if length % 1024 == 0 else str(length)
