"""The learning rate of every step."""

from __future__ import annotations

import math

import pytest

from mft_core.recipe.schema import TrainSection
from mft_core.training.schedule import learning_rate

STEPS = 20


def rates(**settings: object) -> list[float]:
    section = TrainSection(learning_rate=1.0, **settings)
    return [learning_rate(step, STEPS, section) for step in range(STEPS)]


def test_a_constant_rate_has_no_warm_up() -> None:
    assert rates(schedule="constant", warmup=0.5) == [1.0] * STEPS


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_it_rises_to_the_full_rate_and_falls_to_the_least(schedule: str) -> None:
    found = rates(schedule=schedule, warmup=0.2, min_learning_rate=0.1)
    assert found[:4] == [0.25, 0.5, 0.75, 1.0]
    assert found[4] == 1.0
    assert found[-1] == pytest.approx(0.1)
    assert found[4:] == sorted(found[4:], reverse=True)
    section = TrainSection(learning_rate=1.0, schedule=schedule, warmup=0.2, min_learning_rate=0.0)
    middle = learning_rate(4 + 15 // 3, STEPS, section)
    share = 1 / 3
    assert middle == pytest.approx(0.5 * (1 + math.cos(math.pi * share)) if schedule == "cosine" else 1 - share)


def test_the_least_rate_is_never_above_the_rate() -> None:
    assert max(rates(schedule="linear", warmup=0.0, min_learning_rate=5.0)) == 1.0
