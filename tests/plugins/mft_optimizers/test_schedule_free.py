"""Schedule-free AdamW: what is measured and saved is the mean, and a schedule beside it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from helpers.small_trainer import make_trainer, tensors
from mft_core.errors import UsageError
from mft_core.recipe.schema import TrainSection
from mft_core.testing.optimizers import small_model, take_step
from mft_core.testing.samples import random_table
from mft_core.training.parameter_groups import parameter_groups
from mft_core.training.state_tensors import trainable_tensors
from mft_losses.balanced import Balanced
from mft_optimizers.schedule_free import ScheduleFree

COURSE = {"optimizer": "schedule-free", "learning_rate": 1e-2, "steps": 6, "eval_every": 2, "save_every": 2}


def test_the_mean_is_in_the_model_when_it_is_looked_at() -> None:
    component, model = ScheduleFree(), small_model()
    groups = parameter_groups(model, TrainSection(schedule="constant"))
    optimizer = component.build(groups, 1e-3)
    points = []
    for _ in range(4):
        take_step(model, optimizer, 1e-3)
        points.append({id(each): optimizer.state[each]["z"].clone() for group in groups for each in group.parameters})
    component.to_measuring(optimizer)
    for group in groups:
        for parameter in group.parameters:  # at one rate all points count alike
            mean = torch.stack([point[id(parameter)] for point in points]).mean(0)
            assert torch.allclose(parameter, mean, rtol=1e-4, atol=1e-6)


def test_what_is_measured_is_what_is_saved_and_a_resumed_run_ends_alike(tmp_path: Path) -> None:
    training = random_table([6, 9])
    whole = make_trainer(tmp_path / "whole", Balanced(), training, training, **COURSE)
    whole.run()
    assert whole.selection.best == 6
    part = make_trainer(tmp_path / "part", Balanced(), training, training, **{**COURSE, "steps": 3})
    part.run()
    resumed = make_trainer(tmp_path / "part", Balanced(), training, training, **COURSE)
    resumed.resume(resumed.checkpoints.load_latest())
    measured = resumed.checkpoints.load_latest().tensors["model"]
    with resumed.stepper.result_in_model():
        assert all(torch.equal(tensor, measured[name]) for name, tensor in trainable_tensors(resumed.model).items())
    assert not all(torch.equal(tensor, measured[name]) for name, tensor in trainable_tensors(resumed.model).items())
    resumed.run()
    assert all(torch.equal(tensor, tensors(whole)[name]) for name, tensor in tensors(resumed).items())
    last = whole.checkpoints.load_latest().tensors["model"]
    assert all(torch.equal(tensor, last[name]) for name, tensor in tensors(whole).items()), "the result is the mean"


def test_a_schedule_beside_it_is_refused() -> None:
    with pytest.raises(UsageError, match="schedule"):
        ScheduleFree().check(TrainSection(schedule="cosine"))
