"""Sums of losses: what their means divide by, with weights and without."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from mft_core.task_losses import TaskLosses

LOSSES = TaskLosses(
    token_sum=np.array([6.0, 0.0]),
    tokens=np.array([4, 0]),
    sample_sum=np.array([3.0, 0.0]),
    samples=np.array([2, 0]),
    probability_sum=np.array([0.5, 0.0]),
)


def test_means_are_sums_over_counts_and_unknown_without_any() -> None:
    assert LOSSES.mean("tokens")[0] == 1.5
    assert LOSSES.mean("samples")[0] == 1.5
    assert LOSSES.mean_probability()[0] == 0.25
    for means in (LOSSES.mean(), LOSSES.mean("samples"), LOSSES.mean_probability()):
        assert np.isnan(means[1])


def test_sums_add_and_survive_json() -> None:
    double = LOSSES + LOSSES
    assert double.token_sum.tolist() == [12.0, 0.0]
    assert double.mean()[0] == LOSSES.mean()[0]
    again = TaskLosses.from_json(json.loads(json.dumps(double.as_json())))
    for name, dtype in TaskLosses.dtypes().items():
        assert np.array_equal(getattr(again, name), getattr(double, name))
        assert getattr(again, name).dtype == dtype
    empty = TaskLosses.zeros(2)
    assert (LOSSES + empty).as_json() == LOSSES.as_json()


def test_means_divide_by_the_weights_where_there_are_any() -> None:
    weighted = replace(LOSSES, weighted_tokens=np.array([8.0, 0.0]), weighted_samples=np.array([0.5, 0.0]))
    assert weighted.mean("tokens")[0] == 0.75
    assert weighted.mean("samples")[0] == 6.0
    assert weighted.mean_probability()[0] == 1.0
    assert np.isnan(weighted.mean()[1])


def test_weighted_sums_add_to_others_and_survive_json() -> None:
    weighted = replace(LOSSES, weighted_tokens=np.array([8.0, 0.0]), weighted_samples=np.array([0.5, 0.0]))
    for total in (
        weighted + LOSSES,
        LOSSES + weighted,
        TaskLosses.from_json(json.loads(json.dumps(weighted.as_json()))) + LOSSES,
    ):
        assert total.weighted_tokens is not None
        assert total.weighted_samples is not None
        assert total.weighted_tokens.tolist() == [12.0, 0.0]
        assert total.weighted_samples.tolist() == [2.5, 0.0]
        assert total.tokens.tolist() == [8, 0]
    assert "weighted_tokens" not in LOSSES.as_json()
