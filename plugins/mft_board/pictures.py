"""Small pictures in tables: the change of every task of a run, and who helps whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from mft_core.comparison.affinity import standing_out
from mft_core.support.units import printable, shorten

STRIP_WIDTH, STRIP_HEIGHT, LARGEST_CHANGE = 120, 24, 0.5
CELL, NAME_WIDTH, NAME_ROOM, ROOM_ABOVE, MOST_WITH_NUMBERS = 44, 22, 140, 100, 12
SMALL_CELL, ROOM_BEHIND = 18, 90
HELPS, HINDERS = "#5e3c99", "#e66101"
"""Ends of the map PuOr, which colour-blind readers can tell apart, as the heat maps of a report have them."""


def change_strip(tasks: Sequence[tuple[str, float | None, str]]) -> Markup:
    """A bar for every task, from the one that gained most: down, for a lower loss, or up; pale within noise."""
    known = sorted((change, verdict) for _, change, verdict in tasks if change is not None)
    if not known:
        return Markup("")
    middle, width = STRIP_HEIGHT / 2, STRIP_WIDTH / len(known)
    bars: dict[str, list[str]] = {"improved": [], "worse": [], "unclear": []}
    for number, (change, verdict) in enumerate(known):
        height = middle * max(-1.0, min(1.0, change / LARGEST_CHANGE))
        bars.setdefault(verdict, []).append(f"M{(number + 0.5) * width:.1f} {middle:g}v{-height:.1f}")
    paths = [
        Markup('<path class="{}" stroke-width="{:.2f}" d="{}"/>').format(verdict, max(0.6, 0.8 * width), "".join(steps))
        for verdict, steps in bars.items()
        if steps
    ]
    zero = Markup('<path class="zero" d="M0 {}H{}"/>').format(middle, STRIP_WIDTH)
    strip = Markup('<svg class="strip" preserveAspectRatio="none" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>')
    return strip.format(STRIP_WIDTH, STRIP_HEIGHT, zero + Markup("").join(paths))


def heat_map(found: Mapping[str, Any]) -> Markup:
    """Gains of trial steps where some were taken, else cosines; of very many tasks those that stand out most.

    Args:
        found: as affinity.json has it.
    """
    by_gain = bool(found["gain"])
    part = found["gain"] if by_gain else found["cosine"]
    mean, low, high = (np.array(part[key], np.float64) for key in ("mean", "low", "high"))
    shown = standing_out(mean)
    mean, low, high = (matrix[np.ix_(shown, shown)] for matrix in (mean, low, high))
    names = [shorten(printable(found["tasks"][task]), NAME_WIDTH) for task in shown]
    beside = np.abs(mean[~np.eye(len(mean), dtype=bool)])
    reach = (float(np.nanmax(beside)) if np.isfinite(beside).any() else 0.0) or 1.0
    numbers = len(names) <= MOST_WITH_NUMBERS
    cell = CELL if numbers else SMALL_CELL
    form = ".2%" if by_gain else "+.2f"
    parts = [_name(name, number, cell) for number, name in enumerate(names)]
    for (row, column), value in np.ndenumerate(mean):
        if np.isfinite(value):
            sure = bool(low[row, column] > 0 or high[row, column] < 0)
            ends = f"[{low[row, column]:{form}}, {high[row, column]:{form}}]"
            words = f"{names[row]} on {names[column]}: {value:{form}} {ends}"
            parts.append(_cell(row, column, cell, value / reach, sure, words, f"{value:{form}}" if numbers else ""))
    width = NAME_ROOM + len(names) * cell + ROOM_BEHIND
    return Markup(
        '<svg class="heat" viewBox="0 0 {} {}" width="{}" role="img" aria-label="Who helps whom">{}</svg>'
    ).format(width, ROOM_ABOVE + len(names) * cell, width, Markup("").join(parts))


def _name(name: str, number: int, cell: int) -> Markup:
    x, y = NAME_ROOM + (number + 0.5) * cell, ROOM_ABOVE + (number + 0.5) * cell
    return Markup(
        '<text class="left" x="{}" y="{}">{}</text><text x="{}" y="{}" transform="rotate(-40 {} {})">{}</text>'
    ).format(NAME_ROOM - 6, y + 4, name, x, ROOM_ABOVE - 6, x, ROOM_ABOVE - 6, name)


def _cell(row: int, column: int, cell: int, share: float, sure: bool, words: str, number: str) -> Markup:
    x, y = NAME_ROOM + column * cell, ROOM_ABOVE + row * cell
    strength = min(1.0, abs(share)) * (0.9 if sure else 0.35)
    square = Markup(
        '<rect x="{}" y="{}" width="{}" height="{}" fill="{}" fill-opacity="{:.2f}"><title>{}</title></rect>'
    ).format(x, y, cell - 1, cell - 1, HELPS if share > 0 else HINDERS, strength, words)
    look = Markup("strong" if strength > 0.55 else "sure" if sure else "unsure")
    text = Markup('<text class="number {}" x="{}" y="{}">{}</text>').format(
        look, x + cell / 2, y + cell / 2 + 3, number
    )
    return square + (text if number else Markup(""))


def bars(values: Sequence[float], largest: float = 0) -> Markup:
    """Upright bars; a single one lies.

    Args:
        largest: the value that is as long as there is room; 0: the largest of them.
    """
    most = largest or max(values, default=0) or 1
    if len(values) == 1:
        lying = Markup(
            '<svg class="bar" preserveAspectRatio="none" viewBox="0 0 100 8"><rect width="{:.1f}" height="8"/></svg>'
        )
        return lying.format(100 * values[0] / most)
    rects = [
        Markup('<rect x="{}" y="{:.2f}" width="9" height="{:.2f}"><title>{:g}</title></rect>').format(
            10 * number, 40 - 40 * value / most, 40 * value / most, value
        )
        for number, value in enumerate(values)
    ]
    whole = Markup('<svg class="histogram" preserveAspectRatio="none" viewBox="0 0 {} 40">{}</svg>')
    return whole.format(max(1, 10 * len(values)), Markup("").join(rects))
