"""Optimizers and the learning rate of every step."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mft_core.recipe.schema import TrainSection
from mft_core.training.optimizer import build_optimizer, learning_rate

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


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_only_matrices_decay_and_only_what_is_trained_moves(name: str, kind: type) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2), nn.Linear(2, 2))
    model[2].requires_grad_(False)
    optimizer = build_optimizer(model, TrainSection(optimizer=name, weight_decay=0.5, learning_rate=0.1))
    assert isinstance(optimizer, kind)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decay == {
        id(model[0].weight): 0.5, id(model[0].bias): 0.0, id(model[1].weight): 0.0, id(model[1].bias): 0.0,
    }  # fmt: skip
