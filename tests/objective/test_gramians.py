"""Cosines out of inner products."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.objective.gramians import cosines


def test_cosines_have_no_scale_and_a_gradient_of_zero_has_none() -> None:
    vectors = np.array([[1.0, 0.0], [3.0, 3.0], [0.0, 0.0]])
    gramian = vectors @ vectors.T
    found = cosines(gramian, gramian, gramian)
    assert found[:2, :2] == pytest.approx(np.array([[1, 0.5**0.5], [0.5**0.5, 1]]))
    assert np.isnan(found[2]).all()


def test_cosines_of_two_kinds_of_gradients_each_have_their_own_lengths() -> None:
    rows, columns = np.array([[2.0, 0.0], [0.0, 5.0]]), np.array([[0.0, 3.0], [4.0, 4.0]])
    found = cosines(rows @ columns.T, rows @ rows.T, columns @ columns.T)
    assert found == pytest.approx(np.array([[0, 0.5**0.5], [1, 0.5**0.5]]))
