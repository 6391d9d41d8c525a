"""Proportions: the lowest place of the laws, within the bounds of what was tried."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mft_core.comparison.mixing_law import MixingLaw, predict
from mft_core.comparison.proportions import best_shares

LAWS = [
    MixingLaw(1.0, 0.3, 0.8, 0.3, 1.0, 1e4),
    MixingLaw(0.5, 0.0, 1.0, 0.6, 0.2, 1e4),
    MixingLaw(2.0, 0.1, 0.5, 0.15, 0.0, 1e4),
]
NATURAL = np.array([0.6, 0.3, 0.1])
EQUAL = np.full(3, 1 / 3)
TOKENS = 1e4


def mean(shares: np.ndarray, importance: np.ndarray) -> np.ndarray:
    return predict(LAWS, shares * TOKENS) @ importance


@pytest.mark.parametrize("importance", [EQUAL, np.array([0.1, 0.1, 0.8])])
@pytest.mark.parametrize("factor", [1.5, 3.0])
def test_no_point_of_a_grid_within_the_bounds_is_lower(importance, factor) -> None:
    shares = best_shares(LAWS, NATURAL, importance, TOKENS, factor)
    assert shares.sum() == pytest.approx(1, abs=3e-6)
    assert (shares <= NATURAL * factor + 1e-6).all()
    assert (shares >= NATURAL / factor - 1e-6).all()
    steps = np.linspace(0, 1, 201)
    grid = np.array([(a, b, 1 - a - b) for a, b in product(steps, steps)])
    within = ((grid <= NATURAL * factor) & (grid >= NATURAL / factor)).all(axis=1)
    assert mean(shares, importance) <= mean(grid[within], importance).min() + 1e-9
    assert mean(shares, importance) < mean(NATURAL, importance)


def test_a_task_that_more_data_does_not_help_gives_way() -> None:
    useless = MixingLaw(0.0, 0.0, 1.0, 0.5, 3.0, 1e4)
    shares = best_shares([LAWS[0], useless], np.array([0.5, 0.5]), np.full(2, 0.5), TOKENS, 3.0)
    assert shares.tolist() == pytest.approx([5 / 6, 1 / 6], abs=1e-4)


def test_where_nothing_is_lower_the_natural_shares_stay() -> None:
    flat = [MixingLaw(0.0, 0.0, 1.0, 0.5, floor, 1e4) for floor in (1.0, 2.0)]
    assert best_shares(flat, np.array([0.25, 0.75]), np.full(2, 0.5), TOKENS, 3.0).tolist() == [0.25, 0.75]


def test_one_task_has_all() -> None:
    assert best_shares(LAWS[:1], np.ones(1), np.ones(1), TOKENS, 3.0).tolist() == [1.0]


def test_a_task_of_next_to_no_data_keeps_a_share_within_the_bounds() -> None:
    natural = np.array([1 - 2e-7, 2e-7])
    shares = best_shares(LAWS[:2], natural, np.full(2, 0.5), TOKENS, 3.0)
    assert (shares >= natural / 3 * (1 - 1e-5)).all()
    assert (shares <= natural * 3 * (1 + 1e-5)).all()
