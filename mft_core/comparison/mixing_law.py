"""How a task's validation loss follows from how much of it, and of all other tasks, is trained on.

The form is that of Data Mixing Optimization for Supervised Fine-Tuning (Li, Liu, Xing, ICML 2025, arXiv 2508.11953):
other tasks' data counts as some data of the task's own, less than in proportion, and the loss is a power of the sum.
How it is fitted here, and that it is held to what it has not seen, is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SPARE = 2
"""Runs more than parameters."""
FEWEST_RUNS = 5
"""So many leave three parameters: fewer make no law of others' data."""
TRANSFERS = np.array([0, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10])
EXPONENTS = np.array([0, 0.25, 0.5, 0.75, 1])
MOST_EVALUATIONS = 100
RATES = np.geomspace(0.01, 3, 24)
LARGEST = (1e3, 100.0, 1.0, 5.0)
"""Of scale, transfer, exponent and rate, where amounts are near 1 and losses too."""
SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class MixingLaw:
    """L = scale * (own + transfer * others^exponent)^(-rate) + floor, amounts in units of `unit`.

    As `exponent` is at most 1 and nothing is negative, L is convex in the share of the task in a given budget.

    Attributes:
        unit: tokens.
    """

    scale: float
    transfer: float
    exponent: float
    rate: float
    floor: float
    unit: float

    def losses(self, own: np.ndarray, others: np.ndarray) -> np.ndarray:
        """float64, nats per token; `own` (above 0) and `others` are float64 tokens of the same shape."""
        return self.scale * self._effective(own, others) ** -self.rate + self.floor

    def slopes(self, own: np.ndarray, others: np.ndarray) -> np.ndarray:
        """float64: change of `losses` with a token of `own` that is taken from `others`."""
        rest = np.maximum(others / self.unit, 1e-9)
        inner = (1 - self.transfer * self.exponent * rest ** (self.exponent - 1)) / self.unit
        return -self.rate * self.scale * self._effective(own, others) ** (-self.rate - 1) * inner

    def _effective(self, own: np.ndarray, others: np.ndarray) -> np.ndarray:
        rest = np.maximum(others / self.unit, 0)
        return np.maximum(own / self.unit + self.transfer * rest**self.exponent, SMALLEST)


def fit_law(own: np.ndarray, others: np.ndarray, losses: np.ndarray, spare: int, starts: int) -> MixingLaw:
    """The law with the least squared errors.

    With few runs it has fewer parameters, so that `spare` runs more than parameters are left: at first `exponent` is
    1, then `floor` is 0 too. The best places of a grid, one for each exponent of it, are where SciPy's trust-region
    method begins; the best end is the result. No randomness.

    Args:
        own: float64 [M], tokens of the task in each of the runs, above 0.
        others: float64 [M], tokens of all other tasks.
        losses: float64 [M], finite, nats per token.
        starts: how many of these places are tried, the best first.
    """
    from scipy.optimize import least_squares

    unit, height = float(np.mean(own + others)), float(np.mean(np.abs(losses))) or 1.0
    freedom = len(losses) - spare
    free = np.array([True, True, freedom >= 5, True, freedom >= 4])
    lowest, highest = np.zeros(5), np.array([*LARGEST, max(float(losses.min()) / height, 1e-9)])
    parts, target = (own / unit, others / unit), losses / height
    best, best_cost = np.array([0, 0, 1, 0, 1.0]), np.inf
    for start in _starts(*parts, target, free)[:starts]:
        values = np.clip(start, lowest, highest)

        def whole(some: np.ndarray, values: np.ndarray = values) -> np.ndarray:
            full = values.copy()
            full[free] = some
            return full

        found = least_squares(
            lambda some, whole=whole: _losses(whole(some), *parts)[0] - target,
            values[free],
            jac=lambda some, whole=whole: _losses(whole(some), *parts)[1][:, free],
            bounds=(lowest[free], highest[free]),
            max_nfev=MOST_EVALUATIONS,
        )
        if found.cost < best_cost:
            best, best_cost = whole(found.x), found.cost
    scale, transfer, exponent, rate, floor = map(float, best)
    return MixingLaw(scale * height, transfer, exponent, rate, floor * height, unit)


def _losses(values: np.ndarray, own: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The law's losses, float64 [M], and their derivatives by its five parameters, float64 [M, 5]."""
    scale, transfer, exponent, rate, floor = values
    help_of_others = others**exponent
    effective = np.maximum(own + transfer * help_of_others, SMALLEST)
    power = effective**-rate
    by_transfer = -rate * scale * power / effective * help_of_others
    by_exponent = by_transfer * transfer * np.log(np.maximum(others, SMALLEST))
    by_rate = -scale * power * np.log(effective)
    derivatives = np.stack([power, by_transfer, by_exponent, by_rate, np.ones_like(power)], axis=1)
    return scale * power + floor, derivatives


def _starts(own: np.ndarray, others: np.ndarray, target: np.ndarray, free: np.ndarray) -> list[np.ndarray]:
    """float64 [5], the best (scale, transfer, exponent, rate, floor) of the grid for each exponent, best first.

    Where transfer, exponent and rate are given, scale and floor follow by linear least squares, neither below 0.
    """
    starts = []
    for exponent in EXPONENTS if free[2] else np.ones(1):
        effective = own + TRANSFERS[:, None] * others**exponent
        basis = np.maximum(effective, SMALLEST)[:, None, :] ** -RATES[:, None]
        floor = np.full(basis.shape[:2], 0.0)
        if free[4]:
            centred = basis - basis.mean(axis=-1, keepdims=True)
            spread = (centred**2).sum(axis=-1)
            slope = np.maximum(centred @ (target - target.mean()), 0) / np.where(spread > 0, spread, 1)
            floor = np.maximum(target.mean() - slope * basis.mean(axis=-1), 0)
        scale = np.maximum((basis * (target - floor[..., None])).sum(axis=-1), 0) / (basis**2).sum(axis=-1)
        squares = ((scale[..., None] * basis + floor[..., None] - target) ** 2).sum(axis=-1)
        row, column = np.unravel_index(int(squares.argmin()), squares.shape)
        values = scale[row, column], TRANSFERS[row], exponent, RATES[column], floor[row, column]
        starts.append((float(squares.min()), np.array(values, np.float64)))
    return [values for _, values in sorted(starts, key=lambda pair: pair[0])]


def fit_laws(amounts: np.ndarray, losses: np.ndarray, spare: int = SPARE, starts: int = 5) -> list[MixingLaw]:
    """The law of each of N tasks.

    Args:
        amounts: float64 [M, N], tokens of each task in each of M runs.
        losses: float64 [M, N], each task's validation loss.
        spare: as in `fit_law`, as is `starts`.
    """
    others = amounts.sum(axis=1, keepdims=True) - amounts
    tasks = range(amounts.shape[1])
    return [fit_law(amounts[:, task], others[:, task], losses[:, task], spare, starts) for task in tasks]


def predict(laws: Sequence[MixingLaw], amounts: np.ndarray) -> np.ndarray:
    """float64 [..., N], the losses that the laws expect of `amounts`, float64 [..., N]."""
    others = amounts.sum(axis=-1, keepdims=True) - amounts
    return np.stack([law.losses(amounts[..., i], others[..., i]) for i, law in enumerate(laws)], axis=-1)


def unseen_errors(amounts: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """float64 [M, N]: by how much the laws that are fitted to all runs but one miss the losses of that one.

    They have as many parameters as those that are fitted to all runs.
    """
    errors = np.empty_like(losses)
    for left_out in range(len(losses)):
        rest = np.arange(len(losses)) != left_out
        laws = fit_laws(amounts[rest], losses[rest], SPARE - 1, starts=1)
        errors[left_out] = predict(laws, amounts[left_out]) - losses[left_out]
    return errors
