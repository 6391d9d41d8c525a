"""Means of a few measurements, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CONFIDENCE = 0.95


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
    low, high = 0.0, 1.0
    while _held(high, freedom) < confidence:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _held(middle, freedom) < confidence else (low, middle)
    return (low + high) / 2


def _held(t: float, freedom: int) -> float:
    """What [-t, t] holds (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    square, odd = math.cos(angle) ** 2, freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for number in range(freedom // 2):
        if number:
            factor = 2 * number / (2 * number + 1) if odd else (2 * number - 1) / (2 * number)
            term *= square * factor
        total += term
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total
