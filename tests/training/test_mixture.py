"""Weights without the tasks that have left, of any loss."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mft_core.interfaces import Loss
from mft_core.testing.losses import check_weights, random_counts
from mft_core.training.mixture import Mixture
from mft_losses.mixed import Mixed


class OneTakesAll(Loss):
    def task_weights(self) -> np.ndarray:
        return np.array([1.0, 0.0, 0.0])


def mixture(loss_class: type[Loss] = Mixed, importance: list[float] | None = None) -> Mixture:
    loss = loss_class()
    loss.start(random_counts(3, np.array(importance or [1.0, 1.0, 1.0])))
    return Mixture(loss)


def test_the_others_keep_their_proportions() -> None:
    found = mixture()
    before = found.weights()
    found.leave([1])
    after = found.weights()
    check_weights(after, 3)
    assert after[1] == 0
    assert after[0] / after[2] == pytest.approx(before[0] / before[2])
    assert found.left == ["task1"]


def test_where_the_loss_gives_the_others_nothing_importance_decides() -> None:
    found = mixture(OneTakesAll, [1.0, 1.0, 3.0])
    found.leave([0])
    assert found.weights().tolist() == [0, 0.25, 0.75]


def test_who_may_leave() -> None:
    found = mixture()
    found.leave([0])
    assert found.new_leavers((2, 0, 2)) == [2]
    assert found.may_leave([1])
    assert not found.may_leave([1, 2])
    for wrong in (3, -1):
        with pytest.raises(ValueError, match="of 3, counted from 0"):
            found.new_leavers((wrong,))


def test_the_state_survives_but_where_nothing_would_be_trained() -> None:
    found, other = mixture(), mixture()
    found.leave([0, 2])
    other.load_state_dict(json.loads(json.dumps(found.state_dict())))
    assert other.weights().tolist() == found.weights().tolist() == [0, 1, 0]
    other.load_state_dict([True, True, True])
    assert other.left == []
