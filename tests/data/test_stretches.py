"""Targets and their weights as stretches of tokens, there and back."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.data.stretches import find_stretches, spread, weight_sums


@pytest.mark.parametrize(
    ("weights", "spans"),
    [
        ([], []),
        ([0, 0], []),
        ([0, 1, 1, 0, 1], [[1, 3], [4, 5]]),
        ([0, 1, 0.5, 0.5, 0, 2], [[1, 2], [2, 4], [5, 6]]),
        ([0, 3, 3], [[1, 3]]),
    ],
)
def test_a_stretch_ends_where_the_weight_changes(weights: list[float], spans: list[list[int]]) -> None:
    found = find_stretches(np.array(weights, np.float64))
    assert found.tolist() == spans
    assert found.shape == (len(spans), 2)


def test_what_is_found_is_spread_again() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        weights = generator.choice([0.0, 1.0, 0.5, 7.25], 12)
        weights[0] = 0.0
        spans = find_stretches(weights)
        supervised, again = spread(spans, weights[spans[:, 0]], len(weights))
        assert again is not None
        assert again.tolist() == weights.tolist()
        assert supervised.tolist() == (weights > 0).tolist()
        plain, none = spread(find_stretches(supervised * 1.0), None, len(weights))
        assert plain.tolist() == supervised.tolist()
        assert none is None


def test_sums_are_by_sample() -> None:
    weights = np.array([0, 0.5, 0.5, 0, 2, 0, 0, 3, 1.0])
    spans, offsets = find_stretches(weights), np.array([0, 3, 5, 9])
    assert weight_sums(spans, weights[spans[:, 0]], offsets).tolist() == [1.0, 2.0, 4.0]
