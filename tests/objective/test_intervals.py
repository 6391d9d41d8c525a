"""Student's intervals: against tables, and what they cover."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.objective.intervals import mean_interval, student_t, upper_tail

TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262, 10: 2.228, 30: 2.042, 120: 1.980}
"""Two-sided, 95%: any textbook."""


@pytest.mark.parametrize(("freedom", "expected"), TABLE.items())
def test_the_quantiles_are_those_of_the_tables(freedom: int, expected: float) -> None:
    assert student_t(freedom, 0.95) == pytest.approx(expected, abs=5e-4)


def test_another_confidence_is_another_quantile() -> None:
    assert student_t(5, 0.99) == pytest.approx(4.032, abs=5e-4)


def test_the_tail_of_t_is_that_of_the_tables() -> None:
    table = [(1, 6.3138, 0.05), (2, 4.3027, 0.025), (3, 5.8409, 0.005), (4, 2.7764, 0.025), (9, 3.2498, 0.005)]
    table += [(10, 1.8125, 0.05), (30, 2.0423, 0.025), (120, 2.6174, 0.005)]
    for freedom, value, tail in table:
        assert upper_tail(np.array([value, -value, 0.0]), freedom) == pytest.approx([tail, 1 - tail, 0.5], rel=1e-3)


@pytest.mark.parametrize("measurements", [3, 10])
def test_they_hold_the_truth_as_often_as_they_say(measurements: int) -> None:
    values = np.random.default_rng(0).normal(1.5, 2.0, (measurements, 20_000))
    found = mean_interval(values)
    covered = ((found.low <= 1.5) & (found.high >= 1.5)).mean()
    assert covered == pytest.approx(0.95, abs=0.006)


def test_what_is_not_known_is_left_out_cell_by_cell() -> None:
    values = np.array([[1.0, np.nan, np.nan], [3.0, 2.0, np.nan], [np.inf, 4.0, np.nan]])
    found = mean_interval(values)
    assert found.mean[:2].tolist() == [2, 3]
    assert np.isnan(found.mean[2])
    assert found.high[0] - found.mean[0] == pytest.approx(student_t(1, 0.95))
    one = mean_interval(values[:1])
    assert one.mean[0] == 1
    assert np.isnan([one.low[0], one.high[0]]).all()
