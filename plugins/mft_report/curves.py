"""The figure of a run: losses, weights and speed over time, as PNG and as SVG for the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mft_core.run.drawn_tasks import DrawnTasks, choose
from mft_core.run.history import History
from mft_core.support.pictures import INK, drawing, png, svg
from mft_report import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LAYOUT = [
    ["train"] * 3 + ["valid"] * 3,
    ["relative"] * 3 + ["weights"] * 3,
    ["rate"] * 2 + ["norm"] * 2 + ["speed"] * 2,
]
SIZE = (10.0, 8.6)


def draw(history: History, steps: int) -> tuple[bytes, str]:
    """The figure as (PNG file, SVG element).

    Args:
        history: what to draw.
        steps: planned optimizer steps, the end of the time axis.
    """
    from matplotlib.figure import Figure

    # Figure itself, not pyplot: no window system and no figure list shared with a user's own plots.
    with drawing():
        figure = Figure(figsize=SIZE, layout="constrained")
        _fill(figure, history, steps)
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # laid out by now; every savefig would do it again, with a drawing of its own
        return png(figure), element(figure)


def _fill(figure: Figure, history: History, steps: int) -> None:
    from matplotlib.ticker import MaxNLocator

    choice = choose(history)
    axes: dict[str, Axes] = figure.subplot_mosaic(LAYOUT, height_ratios=[3, 3, 1.7])
    panels.training_loss(axes["train"], history, choice, steps)
    panels.validation_loss(axes["valid"], history, choice)
    panels.relative_loss(axes["relative"], history, choice)
    panels.weights(axes["weights"], history, choice)
    panels.learning_rate(axes["rate"], history)
    panels.gradient_norm(axes["norm"], history)
    panels.speed(axes["speed"], history)
    for name in ("valid", "weights"):
        panels.decisions(axes[name], history)
    for each in axes.values():
        each.set_xlim(0, max(1, steps) * 1.01)
        each.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    for name in ("rate", "norm", "speed"):
        axes[name].set_xlabel("optimizer step")
    _legend(figure, choice)


def _legend(figure: Figure, choice: DrawnTasks) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[tuple[Any, str]] = [
        (Line2D([], [], color=line.colour, linestyle=line.dash, linewidth=2), line.label) for line in choice.lines
    ]
    if choice.bands:
        half = len(entries) // 2
        entries = [
            *[(handle, f"gained most: {label}") for handle, label in entries[:half]],
            *[(handle, f"gained least: {label}") for handle, label in entries[half:]],
            (Line2D([], [], color=INK, linewidth=2), "median of all tasks"),
            *[
                (Patch(color="#808080", alpha=alpha + 0.1), f"{low:.0%} to {high:.0%} of tasks")
                for low, high, alpha in reversed(panels.BANDS)
            ],
        ]
    if not entries:
        return
    widest = max(len(label) for _, label in entries)
    columns = 3 if choice.bands else max(1, min(len(entries), 120 // (widest + 8)))
    legend = figure.legend(
        [handle for handle, _ in entries], ["x" * len(label) for _, label in entries],
        loc="outside upper center", ncols=columns, handlelength=2.6,
    )  # fmt: skip
    # Set afterwards and verbatim: as labels, names with "$" would be formulas and names with "_" would be hidden.
    for text, (_, label) in zip(legend.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(label)


def element(figure: Figure) -> str:
    """The figure as one element to stand inside HTML: no declaration, no addresses, ink in the page's text colour."""
    text = svg(figure, transparent=True)
    element = text[text.index("<svg") :].replace(INK, "currentColor")
    element = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", element)
    return re.sub(r'\s(?:width|height)="[\d.]+pt"', "", element, count=2)
