"""Numbers as people read them; ASCII only, so that every terminal and log can show them."""

from __future__ import annotations

import math

from mft_core.support.unicode_names import JOINERS

MISSING = "-"


def count(value: float | None) -> str:
    """`value` exactly below 10,000, else with three digits and k, M, B or T: "9,999", "12.3k", "135M"."""
    if value is None:
        return MISSING
    if abs(value) < 10_000:
        return f"{value:,.0f}"
    size, sign = abs(float(f"{value:.3g}")), "-" if value < 0 else ""
    for scale, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if size >= scale:
            return f"{sign}{size / scale:.3g}{letter}"
    return f"{sign}{size / 1e3:.3g}k"


def counted(number: int, noun: str) -> str:
    """A number with what it counts, as "1 step" or "1,200 steps"."""
    return f"{count(number)} {noun}{'s' * (number != 1)}"


def memory(bytes_: float | None) -> str:
    """Bytes in binary units: "512 MiB", "3.2 GiB"."""
    if bytes_ is None:
        return MISSING
    for scale, unit in ((2**40, "TiB"), (2**30, "GiB")):
        if bytes_ >= scale:
            return f"{bytes_ / scale:.1f} {unit}"
    return f"{bytes_ / 2**20:.0f} MiB"


def duration(seconds: float | None) -> str:
    """Seconds as "m:ss" or "h:mm:ss"."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def loss(value: float | None) -> str:
    """A loss, in nats: three decimals, or scientific where these would hide it."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.3f}" if value == 0 or 0.01 <= abs(value) < 10_000 else f"{value:.2e}"


def difference(value: float | None) -> str:
    """A difference of losses, with four decimals and its sign; one that rounds to zero has none."""
    if value is None:
        return MISSING
    return f"{value:+.4f}" if round(value, 4) else f"{0:.4f}"


def percent(share: float | None, signed: bool = False) -> str:
    """A share of one as a percentage with one decimal; `signed` for a change."""
    if share is None or not math.isfinite(share):
        return MISSING
    return f"{100 * share:+.1f}%" if signed else f"{100 * share:.1f}%"


def weight(share: float | None) -> str:
    """A task's part of the objective: three decimals, or two digits where these would hide it."""
    if share is None or not math.isfinite(share):
        return MISSING
    return f"{share:.3f}" if share >= 0.1 or share == 0 else f"{share:.2g}"


def perplexity(value: float | None) -> str:
    """A perplexity: two decimals, or scientific when large."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.2f}" if value < 10_000 else f"{value:.2e}"


def printable(text: str, encoding: str = "utf-8") -> str:
    """`text` on one line, without control characters and with nothing that `encoding` cannot write."""
    visible = "".join(char if char.isprintable() or char in JOINERS else repr(char)[1:-1] for char in text)
    return visible.encode(encoding, "backslashreplace").decode(encoding)


def shorten(text: str, width: int) -> str:
    """At most `width` characters; what is missing in the middle is marked, since names differ at both ends."""
    if len(text) <= width:
        return text
    head = (width - 2) * 2 // 3
    return f"{text[:head]}..{text[len(text) - (width - 2 - head) :]}"
