"""Means of a few measurements, with intervals, and Student's t distribution, which these come of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CONFIDENCE = 0.95
HALVINGS = 60
"""Of an interval that holds a quantile: more than a float64 can tell apart."""


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """Means of whatever shape the measurements have, NaN where there is none; NaN as an end where there is one only."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def mean_interval(values: np.ndarray, confidence: float = CONFIDENCE) -> MeanInterval:
    """Means over the first axis, and Student's t interval of each; NaN is left out, cell by cell.

    Args:
        values: float64 [M, ...].
    """
    known = np.isfinite(values)
    count = known.sum(axis=0)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.where(count, count, np.nan)
    squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
    error = np.sqrt(squares / np.where(count > 1, count * (count - 1), np.nan))
    factors = [student_t(number - 1, confidence) if number > 1 else math.nan for number in range(len(values) + 1)]
    width = np.array(factors)[count] * error
    return MeanInterval(mean, mean - width, mean + width)


@lru_cache(maxsize=1024)
def student_t(freedom: int, confidence: float) -> float:
    """The t with which [-t, t] holds `confidence` of Student's distribution with so many degrees of freedom."""
    outside, low, high = 1 - confidence, 0.0, 1.0
    while _beyond(high, freedom) > outside:
        high *= 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _beyond(middle, freedom) > outside else (low, middle)
    return (low + high) / 2


def _beyond(t: float, freedom: int) -> float:
    """What [-t, t] does not hold."""
    return 2 * float(upper_tail(np.array(t), freedom))


def upper_tail(values: np.ndarray, freedom: int) -> np.ndarray:
    """P(T >= value) for Student's t with a whole number of degrees of freedom (Abramowitz and Stegun, 26.7.3-4)."""
    angle = np.arctan(np.abs(values) / math.sqrt(freedom))
    cosine = np.cos(angle)
    odd = freedom % 2
    term = cosine.copy() if odd else np.ones_like(cosine)
    total = term.copy() if freedom > 1 else np.zeros_like(term)
    for number in range(2 + odd, freedom - 1, 2):
        term = term * cosine**2 * (number - 1) / number
        total = total + term
    within = 2 / math.pi * (angle + np.sin(angle) * total) if odd else np.sin(angle) * total
    outside = np.clip((1 - within) / 2, 0, None)
    return np.where(values >= 0, outside, 1 - outside)
