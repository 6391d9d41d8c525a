"""Cosines out of inner products."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.objective.gramians import cosines


def test_cosines_have_no_scale_and_a_gradient_of_zero_has_none() -> None:
    vectors = np.array([[1.0, 0.0], [3.0, 3.0], [0.0, 0.0]])
    found = cosines(vectors @ vectors.T)
    assert found[:2, :2] == pytest.approx(np.array([[1, 0.5**0.5], [0.5**0.5, 1]]))
    assert np.isnan(found[2]).all()
