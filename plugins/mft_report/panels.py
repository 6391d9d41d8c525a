"""The parts of the figure: per-task series over steps, as lines or as quantile bands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mft_core.run.drawn_tasks import BANDS, MOST_MARKED, DrawnTasks
from mft_core.run.history import History, half_life_of
from mft_core.support.pictures import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def series(axes: Axes, steps: np.ndarray, values: np.ndarray, choice: DrawnTasks) -> None:
    """Draw `values` [points, N] over `steps` [points]; points that are NaN are left out, not drawn as zero."""
    if np.isnan(values).all():
        nothing_yet(axes)
        return
    if choice.bands:
        _bands(axes, steps, values)
    for line in choice.lines:
        there = ~np.isnan(values[:, line.task])
        if there.any():
            points = (steps[there], values[there, line.task])
            axes.plot(*points, color=line.colour, linestyle=line.dash, **_marker(there.sum()))


def _marker(points: int) -> dict[str, Any]:
    """Dots on the line where there are few points; whole ones, also on the axes' edge."""
    return {"marker": "o", "markersize": 3.5, "clip_on": False} if points <= MOST_MARKED else {}


def _bands(axes: Axes, steps: np.ndarray, values: np.ndarray) -> None:
    there = ~np.isnan(values).all(axis=1)
    steps, values = steps[there], values[there]
    for low, high, alpha in BANDS:
        edges = np.nanquantile(values, [low, high], axis=1)
        axes.fill_between(steps, edges[0], edges[1], color="#808080", alpha=alpha, linewidth=0)
    axes.plot(steps, np.nanmedian(values, axis=1), color=INK, linewidth=2.0)


def training_loss(axes: Axes, history: History, choice: DrawnTasks, steps: int) -> None:
    """Logged values as faint dots; the line is their trailing mean once there are enough to need one."""
    axes.set(title="Training loss", ylabel="loss (nats per token)")
    if len(history.steps) <= MOST_MARKED:
        series(axes, history.steps, history.loss, choice)
        return
    half_life = half_life_of(steps)
    for line in choice.lines:
        there = ~np.isnan(history.loss[:, line.task])
        if there.any():
            points = (history.steps[there], history.loss[there, line.task])
            axes.scatter(*points, s=5, color=line.colour, alpha=0.28, linewidths=0, rasterized=True)
    smooth = history.smoothed(half_life)
    series(axes, history.steps, smooth, choice)
    drawn = [line.task for line in choice.lines]
    _limit(axes, smooth if choice.bands else smooth[:, drawn], history.loss[:, drawn])
    note(axes, f"dots: logged values; line: trailing mean, half-life {half_life} step{'s' * (half_life > 1)}")


def validation_loss(axes: Axes, history: History, choice: DrawnTasks) -> None:
    """Validation loss at every evaluation."""
    axes.set(title="Validation loss", ylabel="loss (nats per token)")
    series(axes, history.eval_steps, history.eval_loss, choice)


def relative_loss(axes: Axes, history: History, choice: DrawnTasks) -> None:
    """Validation loss as a percentage of the first one."""
    axes.set(title="Validation loss relative to the start", ylabel="% of the loss at step 0")
    axes.axhline(100, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
    series(axes, history.eval_steps, 100 * history.relative, choice)


def weights(axes: Axes, history: History, choice: DrawnTasks) -> None:
    """Task weights, with a line where all would be equal."""
    axes.set(title="Task weights", ylabel="weight (sum over tasks = 1)")
    equal = history.equal_weight
    if equal is not None:
        axes.axhline(equal, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
    series(axes, history.steps, history.weight, choice)
    axes.set_ylim(bottom=0)
    note(axes, "dotted: all equal")


def learning_rate(axes: Axes, history: History) -> None:
    """Learning rate, its power of ten in the unit."""
    rate = history.run["learning_rate"]
    highest = float(np.nanmax(rate)) if not np.isnan(rate).all() else 0.0
    power = math.floor(math.log10(highest)) if highest > 0 else 0
    axes.set(title="Learning rate", ylabel=f"$10^{{{power}}}$" if power else "")
    _run_series(axes, history.steps, rate / 10.0**power)


def gradient_norm(axes: Axes, history: History) -> None:
    """Norm of the gradient before clipping; on a log scale where it spans more than two decades."""
    norm = history.run["gradient_norm"]
    axes.set(title="Gradient norm", ylabel="before clipping")
    _run_series(axes, history.steps, norm)
    positive = norm[norm > 0]
    if len(positive) and positive.max() > 100 * positive.min():
        axes.set_yscale("log")


def speed(axes: Axes, history: History) -> None:
    """Tokens, without padding, per second of training."""
    axes.set(title="Speed", ylabel="tokens per second")
    _run_series(axes, history.steps, history.run["tokens_per_second"])


def _run_series(axes: Axes, steps: np.ndarray, values: np.ndarray) -> None:
    there = ~np.isnan(values)
    if not there.any():
        nothing_yet(axes)
        return
    axes.plot(steps[there], values[there], color=INK, linewidth=1.0, **_marker(there.sum()))
    axes.set_ylim(0, 1.08 * float(values[there].max()) or 1.0)


def decisions(axes: Axes, history: History) -> None:
    """A line where tasks left or the run went back, with its name."""
    for step, name in history.decisions:
        axes.axvline(step, color=INK, linewidth=0.8, linestyle=(0, (4, 2)))
        place = axes.get_xaxis_transform()
        text = axes.text(step, 0.98, f" {name}", transform=place, rotation=90, ha="right", va="top", fontsize=7)
        text.set_parse_math(False)


def nothing_yet(axes: Axes) -> None:
    """Say so where there is nothing to draw."""
    axes.text(0.5, 0.5, "nothing measured yet", transform=axes.transAxes, ha="center", va="center", alpha=0.6)


def note(axes: Axes, text: str) -> None:
    """A remark at the upper right, beside the title."""
    axes.set_title(text, loc="right", fontsize=7, fontweight="normal", alpha=0.75)


def _limit(axes: Axes, lines: np.ndarray, dots: np.ndarray) -> None:
    """Show every line whole; single dots far out must not press the lines flat."""
    if np.isnan(lines).all():
        return
    low = min(np.nanmin(lines), np.nanquantile(dots, 0.005))
    high = max(np.nanmax(lines), np.nanquantile(dots, 0.995))
    margin = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - margin, high + margin)
