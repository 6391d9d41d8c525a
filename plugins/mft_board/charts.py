"""Lines over optimizer steps as SVG: made on the server, so that a page needs no library and no inline style."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from mft_core.run.drawn_tasks import MOST_MARKED

WIDTH, HEIGHT = 460, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 24, 22
MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Curve:
    """One line; NaN where nothing was measured.

    Attributes:
        label: its name.
        steps, values: its points.
        colour, dash: how it looks; "": the colour of the text, without gaps.
    """

    label: str
    steps: np.ndarray
    values: np.ndarray
    colour: str = ""
    dash: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """An area between two lines.

    Attributes:
        steps, low, high: its edges.
        opacity: of its grey.
    """

    steps: np.ndarray
    low: np.ndarray
    high: np.ndarray
    opacity: float


@dataclass(frozen=True, slots=True)
class Chart:
    """What one picture shows.

    Attributes:
        title, unit: what is above it.
        level: where a dotted line is; None: nowhere.
        marks: steps with a line from top to bottom, each with what to call it.
        from_zero: whether the lower end of the scale is 0.
    """

    title: str
    unit: str
    curves: Sequence[Curve]
    bands: Sequence[Band] = ()
    level: float | None = None
    marks: Sequence[tuple[int, str]] = field(default=())
    from_zero: bool = False

    def limits(self) -> tuple[float, float] | None:
        """The lowest and highest value drawn; None: there is none."""
        edges = [edge for band in self.bands for edge in (band.low, band.high)]
        arrays = [*(curve.values for curve in self.curves), *edges]
        known = [array[np.isfinite(array)] for array in arrays]
        known = [array for array in known if len(array)]
        if not known:
            return None
        return min(float(array.min()) for array in known), max(float(array.max()) for array in known)


def draw(chart: Chart, last_step: int, limits: tuple[float, float] | None = None) -> Markup:
    """The chart as an SVG element.

    Args:
        last_step: the end of the time axis.
        limits: least extent of the scale, so that two pictures can be compared.
    """
    found = [each for each in (chart.limits(), limits) if each]
    parts = [Markup('<text class="title" x="0" y="13">{}</text>').format(chart.title)]
    if chart.unit:
        parts.append(Markup('<text class="unit" x="{}" y="13">{}</text>').format(WIDTH - RIGHT, chart.unit))
    if found:
        parts += _inside(chart, last_step, (min(low for low, _ in found), max(high for _, high in found)))
    else:
        parts.append(
            Markup('<text class="nothing" x="{}" y="{}">nothing measured yet</text>').format(WIDTH / 2, HEIGHT / 2)
        )
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, chart.title, Markup("").join(parts)
    )


def _inside(chart: Chart, last_step: int, limits: tuple[float, float]) -> Iterator[Markup]:
    scale = _Scale(last_step, *_with_margin(limits, chart.from_zero))
    for value, words in ticks(scale.low, scale.high, 4):
        y = scale.y(value)
        yield Markup('<path class="grid" d="M{} {:.1f}H{}"/>').format(LEFT, y, WIDTH - RIGHT)
        yield Markup('<text class="left" x="{}" y="{:.1f}">{}</text>').format(LEFT - 5, y + 3.5, words)
    for value, words in ticks(0, scale.last_step, 5):
        if value == int(value):
            yield Markup('<text class="below" x="{:.1f}" y="{}">{}</text>').format(scale.x(value), HEIGHT - 6, words)
    for band in chart.bands:
        edges = [*zip(band.steps, band.low, strict=True), *zip(band.steps[::-1], band.high[::-1], strict=True)]
        corners = " ".join(f"{scale.x(step):.1f},{scale.y(value):.1f}" for step, value in edges if math.isfinite(value))
        yield Markup('<polygon class="band" fill-opacity="{}" points="{}"/>').format(band.opacity, corners)
    if chart.level is not None and scale.low <= chart.level <= scale.high:
        yield Markup('<path class="level" d="M{} {:.1f}H{}"/>').format(LEFT, scale.y(chart.level), WIDTH - RIGHT)
    for step, words in chart.marks:
        x = scale.x(step)
        yield Markup('<path class="mark" d="M{:.1f} {}V{}"><title>step {}: {}</title></path>').format(
            x, TOP, HEIGHT - BOTTOM, step, words
        )
    for curve in chart.curves:
        yield from _line(curve, scale)


def _line(curve: Curve, scale: _Scale) -> Iterator[Markup]:
    there = np.isfinite(curve.values)
    steps, values = thinned(curve.steps[there], curve.values[there])
    points = [f"{scale.x(step):.1f},{scale.y(value):.1f}" for step, value in zip(steps, values, strict=True)]
    look = Markup(' stroke="{}"').format(curve.colour or "currentColor")
    look += Markup(' stroke-dasharray="{}"').format(curve.dash) if curve.dash else Markup("")
    yield Markup('<polyline class="line"{} points="{}"><title>{}</title></polyline>').format(
        look, " ".join(points), curve.label
    )
    if len(points) <= MOST_MARKED:
        fill = Markup(' fill="{}"').format(curve.colour or "currentColor")
        for step, value in zip(steps, values, strict=True):
            yield Markup(
                '<circle class="dot"{} cx="{:.1f}" cy="{:.1f}" r="2.5"><title>{}, step {}: {:.4g}</title></circle>'
            ).format(fill, scale.x(step), scale.y(value), curve.label, int(step), float(value))


@dataclass(frozen=True, slots=True)
class _Scale:
    last_step: int
    low: float
    high: float

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * float(step) / self.last_step

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - float(value)) / (self.high - self.low)


def _with_margin(limits: tuple[float, float], from_zero: bool) -> tuple[float, float]:
    low, high = limits
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return 0.0 if from_zero else low - margin, high + margin


def ticks(low: float, high: float, about: int) -> list[tuple[float, str]]:
    """Round numbers within a range, each with how it is written."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda size: abs(math.log(size * power / rough)))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(number * step, _words(number * step, decimals)) for number in range(first, last + 1)]


def _words(value: float, decimals: int) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            unit = 1e3 if letter == "k" else size
            return f"{value / unit:g}{letter}"
    return f"{value:.{decimals}f}" if decimals <= 4 else f"{value:.1e}"


def thinned(steps: np.ndarray, values: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` of the points [n] or rows [n, ...], evenly chosen, the first and the last among them."""
    if len(steps) <= most:
        return steps, values
    chosen = np.linspace(0, len(steps) - 1, most).round().astype(np.int64)
    return steps[chosen], values[chosen]
