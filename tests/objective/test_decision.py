"""What a loss answers after an evaluation, where nothing else is said."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.interfaces import GO_ON, Decision
from mft_core.testing.losses import random_counts
from mft_losses.balanced import Balanced


def test_going_on_leaves_nobody_out_and_goes_nowhere() -> None:
    assert Decision() == GO_ON
    assert (GO_ON.leave_out, GO_ON.back_to) == ((), None)


@pytest.mark.parametrize("exclude", ["", "overfit"])
def test_every_loss_follows_the_option(exclude: str) -> None:
    loss = Balanced(Balanced.Options(exclude=exclude, exclude_patience=1))
    loss.start(random_counts(2))
    answers = [loss.after_evaluation(step, np.array(row)) for step, row in enumerate([[2.0, 2.0], [1.0, 3.0]])]
    assert answers == [GO_ON, Decision((1,), 0) if exclude else GO_ON]
    assert loss.may_go_back_to == ({0, 1} if exclude else None)
