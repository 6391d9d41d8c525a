"""How the curves look: colours that colour-blind readers can tell apart, and which tasks get one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mft_core.support.units import printable, shorten
from mft_report.history import History

INK = "#1b1f24"
"""Text, axes and medians; in the page it becomes the colour of the page's own text."""

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7f7f7f")
"""The palette of Okabe and Ito (2008), its yellow and black replaced by grey: both vanish on one background."""

DASHES = ("solid", (0, (4, 1.5)))
MOST_LINES = len(COLOURS) * len(DASHES)
EXTREMES = 3

SETTINGS = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#808080",
    "grid.alpha": 0.22,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "mft",
    "path.simplify": True,
}


FALLBACK_FONTS = ("Noto Sans CJK SC", "WenQuanYi Micro Hei", "Microsoft YaHei", "PingFang SC", "Arial Unicode MS")
"""For task names in scripts that matplotlib's own font lacks; those that are installed are used."""


def font_families() -> list[str]:
    """Matplotlib's own font, then what this machine has for other scripts."""
    from matplotlib.font_manager import get_font_names

    installed = set(get_font_names())
    return ["DejaVu Sans", *[font for font in FALLBACK_FONTS if font in installed]]


@dataclass(frozen=True, slots=True)
class Line:
    """A task drawn as a line of its own."""

    task: int
    label: str
    colour: str
    dash: str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tasks are drawn as lines; `bands`: the others, too many to tell apart, as quantiles of all tasks."""

    lines: tuple[Line, ...]
    bands: bool


def choose(history: History) -> Choice:
    """All tasks where a reader can tell them apart; else those that gained most and least, over bands of all."""
    tasks = len(history.tasks)
    if tasks <= MOST_LINES:
        return Choice(tuple(_line(history, task, order) for order, task in enumerate(range(tasks))), bands=False)
    order = np.argsort(_outcome(history), kind="stable")
    extremes = [*order[:EXTREMES], *order[-EXTREMES:]]
    return Choice(tuple(_line(history, int(task), rank) for rank, task in enumerate(extremes)), bands=True)


def _line(history: History, task: int, order: int) -> Line:
    label = shorten(printable(history.tasks[task]), 32)
    return Line(task, label, COLOURS[order % len(COLOURS)], DASHES[order // len(COLOURS) % len(DASHES)])


def _outcome(history: History) -> np.ndarray:
    """float64 [N], lower is better: relative validation loss, else validation loss, else training loss."""
    for values in (history.relative[1:], history.eval_loss, history.smoothed(math.inf)):
        if len(values) and not np.isnan(values[-1]).all():
            return np.nan_to_num(values[-1], nan=float(np.nanmedian(values[-1])))
    return np.zeros(len(history.tasks))
