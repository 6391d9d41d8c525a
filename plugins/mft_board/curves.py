"""The charts of a run, of its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from mft_board.charts import Band, Chart, Curve, draw, thinned
from mft_core.run.drawn_tasks import BANDS, MOST_MARKED, DrawnTasks, choose
from mft_core.run.history import History, half_life_of


@dataclass(frozen=True, slots=True)
class Legend:
    """What a line's colour and dashes mean."""

    label: str
    colour: str
    dash: str


def charts(history: History, steps: int) -> list[Chart]:
    """Losses, loss relative to the start, weights, share of tokens, speed.

    Args:
        steps: planned optimizer steps.
    """
    choice = choose(history)
    many = len(history.steps) > MOST_MARKED
    half_life = half_life_of(steps)
    smooth = history.smoothed(half_life) if many else history.loss
    share = token_shares(history)
    marks, equal = history.decisions, history.equal_weight
    unit = f"nats per token, half-life {half_life}" if many else "nats per token"
    evaluated = history.eval_steps
    speed = history.run["tokens_per_second"]
    return [
        _chart("Training loss", unit, history.steps, smooth, choice),
        _chart("Validation loss", "nats per token", evaluated, history.eval_loss, choice, marks=marks),
        _chart("Relative to the start", "% of the loss at step 0", evaluated, 100 * history.relative, choice, 100),
        _chart("Task weights", "dotted: all equal", history.steps, history.weight, choice, equal, True, marks),
        _chart("Share of supervised tokens", "% so far", history.steps, 100 * share, choice, zero=True),
        Chart("Speed", "tokens per second", [Curve("speed", *thinned(history.steps, speed))], from_zero=True),
    ]  # fmt: skip


def token_shares(history: History) -> np.ndarray:
    """float64 [T, N]: of the supervised tokens trained on so far, the part of each task; NaN before the first."""
    so_far = np.cumsum(history.tokens, axis=0)
    total = so_far.sum(axis=1, keepdims=True)
    shares = np.divide(so_far, total, out=np.full_like(so_far, np.nan), where=total > 0)
    shares[:, np.isnan(history.loss).all(axis=0) & (history.tokens == 0).all(axis=0)] = np.nan  # never trained
    return shares


def legend(history: History) -> list[Legend]:
    """Of every line."""
    choice = choose(history)
    named = [(line.label, line.colour, _dash(line.dash)) for line in choice.lines]
    if choice.bands:
        half = len(named) // 2
        gained = ["gained most"] * half + ["gained least"] * (len(named) - half)
        named = [(f"{what}: {label}", colour, dash) for what, (label, colour, dash) in zip(gained, named, strict=True)]
        named.append(("median; grey: 50% and 90% of the tasks", "", ""))
    return [Legend(*each) for each in named]


def drawn(shown: Sequence[Chart], last_step: int, beside: Sequence[Chart] = ()) -> list[Markup]:
    """The pictures, on the scales of those `beside` too."""
    others = [chart.limits() for chart in beside] or [None] * len(shown)
    return [draw(chart, max(1, last_step), limits) for chart, limits in zip(shown, others, strict=True)]


def _chart(
    title: str,
    unit: str,
    steps: np.ndarray,
    values: np.ndarray,
    choice: DrawnTasks,
    level: float | None = None,
    zero: bool = False,
    marks: Sequence[tuple[int, str]] = (),
) -> Chart:
    steps, values = thinned(steps, values)
    curves = [
        Curve(line.label, steps, values[:, line.task], line.colour, _dash(line.dash))
        for line in choice.lines
        if np.isfinite(values[:, line.task]).any()
    ]
    bands: list[Band] = []
    if choice.bands and np.isfinite(values).any():
        there = np.isfinite(values).any(axis=1)
        steps, values = steps[there], values[there]
        for low, high, opacity in BANDS:
            edges = np.nanquantile(values, [low, high], axis=1)
            bands.append(Band(steps, edges[0], edges[1], opacity))
        curves.insert(0, Curve("median of all tasks", steps, np.nanmedian(values, axis=1)))
    return Chart(title, unit, curves, bands, level, marks, zero)


def _dash(dash: str | tuple[int, tuple[float, ...]]) -> str:
    """As SVG writes it; the numbers are widths of the line."""
    return "" if isinstance(dash, str) else " ".join(f"{2 * length:g}" for length in dash[1])
