"""A loss that says from how many steps on it acts says it to the step."""

from __future__ import annotations

import pytest

from helpers.gradient_losses import ShortGradientsFirst
from mft_core.objective.loss import Loss
from mft_core.testing.losses import random_counts, random_course, weights_of_course
from mft_losses.align import Align
from mft_losses.coba import Coba
from mft_losses.dynamic_average import DynamicWeightAverage
from mft_losses.famo import Famo
from mft_losses.robust import GroupRobust


@pytest.mark.parametrize(
    ("kind", "options", "acts_in"),
    [
        (Coba, {"warmup": 6}, 7),
        (Coba, {"warmup": 3, "every": 2}, 7),
        (Coba, {"warmup": 0, "every": 4}, 5),
        (DynamicWeightAverage, {"window": 3}, 7),
        (Famo, {"every": 5, "guard": False}, 6),
        (Align, {"every": 4}, 5),
        (ShortGradientsFirst, {"every": 3}, 4),
        (GroupRobust, {}, 1),
    ],
)
def test_it_is_idle_in_as_many_steps_as_its_weights_stay(kind: type[Loss], options: dict, acts_in: int) -> None:
    course = random_course(3, 13)
    for steps in range(1, 13):
        loss = kind(kind.Options(**options))
        loss.start(random_counts(3))
        assert bool(loss.idle(steps)) == (steps < acts_in)
        weights = weights_of_course(loss, course[: steps + 1])
        assert (weights[-1] != weights[0]) == (steps >= max(acts_in, 2))
