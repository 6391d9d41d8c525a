"""Who helps whom: planted helpers, conflicts and duplicates, against autograd; the run itself is not changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.overfitting import deciding
from helpers.small_trainer import make_trainer, tensors
from mft_core.batching.packing import OneEach
from mft_core.batching.sample_table import SampleTable
from mft_core.events import read_events
from mft_core.interfaces import Decision, Loss
from mft_core.objective.affinity import read_course
from mft_core.records import Sample
from mft_core.testing.contexts import AllTogether, evaluation_context
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import ListStore, random_table
from mft_core.training.affinity import AffinityRecorder, AffinityRequest, Measured, measure_affinity
from mft_core.training.callbacks import CallbackContext, Callbacks
from mft_core.training.gradient_probe import ProbedData, mean_loss_backward
from mft_losses.balanced import Balanced

LENGTH = 0.02
PLANTED = ("sum", "sum again", "contrary", "kin")


def planted_table(seed: int) -> SampleTable:
    """Two samples each: a task, the same again, one that gives other answers to the same prompts, and one that shares
    half of the answers with the first."""
    generator = np.random.default_rng(seed)
    prompts = [generator.integers(1, 64, 6) for _ in range(2)]
    answers = np.arange(40, 48)

    def samples(answer: np.ndarray) -> ListStore:
        supervised = np.arange(6 + len(answer)) >= 6
        return ListStore([Sample(np.concatenate([prompt, answer]), supervised) for prompt in prompts])

    contrary, kin = answers[::-1].copy(), np.concatenate([answers[:4], np.arange(20, 24)])
    return SampleTable([samples(answers), samples(answers), samples(contrary), samples(kin)])


def planted(packer=None, model=None) -> tuple[torch.nn.Module, ProbedData]:
    model = model or random_token_loss_model()
    contexts = [evaluation_context(model, planted_table(0), PLANTED, packer) for _ in range(2)]
    return model, ProbedData(*contexts)


def measured(model: torch.nn.Module, data: ProbedData, look_ahead: bool = True) -> Measured:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return measure_affinity(data, AffinityRequest(1, look_ahead), "tokens", 0, 1, optimizer, LENGTH)


def gradients_by_autograd(data: ProbedData, model: torch.nn.Module) -> torch.Tensor:
    """[N, P]: of each task's two samples."""
    found = []
    for task in range(len(PLANTED)):
        mean_loss_backward(data.training, data.training.validation.task_samples(task), "tokens")
        found.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
        model.zero_grad(set_to_none=True)
    return torch.stack(found)


@pytest.mark.parametrize("packer", [OneEach(), AllTogether()], ids=["one a row", "packed"])
def test_cosines_and_gains_are_those_of_each_task_by_hand(packer) -> None:
    model, data = planted(packer)
    found = measured(model, data)
    gradients = gradients_by_autograd(data, model)
    units = gradients / gradients.norm(dim=1, keepdim=True)
    expected = (units @ units.T).numpy()
    # Training and validation samples are the same here.
    assert np.abs(found.cosine_train - expected).max() < 1e-10
    assert np.abs(found.cosine - expected).max() < 1e-10
    parameters = list(model.parameters())
    start = torch.nn.utils.parameters_to_vector(parameters).detach().clone()
    before = data.validation.losses().mean()
    for task, unit in enumerate(units):
        torch.nn.utils.vector_to_parameters(start - LENGTH * unit, parameters)
        after = data.validation.losses().mean()
        torch.nn.utils.vector_to_parameters(start, parameters)
        assert np.abs(found.gain[task] - (1 - after / before)).max() < 1e-10


def test_what_is_planted_is_found() -> None:
    model, data = planted()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(30):  # where answers contradict each other, the gradients do so once the prompts say little more
        for task in range(len(PLANTED)):
            mean_loss_backward(data.training, data.training.validation.task_samples(task), "tokens")
        optimizer.step()
        optimizer.zero_grad()
    found = measured(model, data)
    duplicate, contrary, kin = found.cosine[0, 1:]
    assert duplicate == pytest.approx(1, abs=1e-12)
    assert contrary < -0.1
    assert contrary < kin < duplicate
    assert found.gain[0, 1] == pytest.approx(found.gain[0, 0], rel=1e-12)
    assert found.gain[0, 1] > 0 > found.gain[0, 2]


def test_without_trial_steps_there_are_only_cosines() -> None:
    model, data = planted()
    assert measured(model, data, look_ahead=False).gain is None
    assert np.isfinite(measured(model, data, look_ahead=False).cosine).all()


def test_of_a_task_without_validation_samples_nothing_is_known() -> None:
    model = random_token_loss_model()
    tables = random_table([3, 2, 4]), random_table([2, 0, 2], seed=1)
    data = ProbedData(*(evaluation_context(model, table, ("a", "b", "c")) for table in tables))
    found = measured(model, data)
    assert np.isnan(found.cosine[1]).all()
    assert np.isnan(found.gain[:, 1]).all()
    assert np.isfinite(found.gain[np.ix_([0, 2], [0, 2])]).all()


class Recorded:
    """A small run with or without measurements."""

    def __init__(self, run: Path, every: int = 0, steps: int = 6, loss: Loss | None = None, **settings) -> None:
        settings = {**ADAM, "steps": steps, **settings}
        self.trainer = make_trainer(run, loss or Balanced(), random_table([2, 9, 5]), dropout=0.2, **settings)
        trainer = self.trainer
        context = CallbackContext(trainer.model, trainer.validation, trainer.log, steps)
        training = replace(trainer.validation, validation=trainer.plan.table)
        recorder = AffinityRecorder(training, AffinityRequest(max(every, 1), True), "tokens", 2, rate=1e-3)
        recorder.optimizer = trainer.stepper.optimizer
        self.callbacks = Callbacks({"affinity": recorder} if every else {}, context)
        trainer._callbacks = self.callbacks

    def run(self, checkpoint=None) -> dict[str, torch.Tensor]:
        if checkpoint:
            self.trainer.resume(checkpoint)
        self.callbacks.start(self.trainer.step)
        self.trainer.run()
        return tensors(self.trainer)

    @property
    def events(self) -> list[dict]:
        return [event for event in read_events(self.trainer.log.path) if event["event"] == "affinity"]


ADAM = {"optimizer": "adamw", "learning_rate": 1e-3, "schedule": "linear", "save_every": 3}


def test_a_run_ends_with_the_same_weights_with_it_and_without_and_measures_the_same_when_resumed(tmp_path) -> None:
    plain, watched, resumed = (Recorded(tmp_path / name, every) for name, every in PAIRS)
    expected = plain.run()
    found = watched.run()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert [event["step"] for event in watched.events] == [2, 4, 6]
    again = resumed.run(watched.trainer.checkpoints.load(3))
    assert all(torch.equal(again[name], tensor) for name, tensor in expected.items())
    assert resumed.events == watched.events[1:]


def test_a_run_that_went_back_measures_what_one_resumed_from_there_measures(tmp_path) -> None:
    back = Decision(leave_out=(0,), back_to=3)
    gone, resumed = (
        Recorded(tmp_path / name, 4, 8, deciding({8: back}), eval_every=8, save_every=1) for name in ("gone", "resumed")
    )
    expected = gone.run()
    found = resumed.run(gone.trainer.checkpoints.load(3))
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert [event["step"] for event in gone.events] == [4, 8]
    assert resumed.events == gone.events


PAIRS = (("plain", 0), ("watched", 2), ("resumed", 2))


def test_the_mean_can_be_computed_from_the_events_alone(tmp_path) -> None:
    watched = Recorded(tmp_path / "run", every=3)
    watched.run()
    course = read_course(read_events(watched.trainer.log.path))
    assert course.steps == (3, 6)
    assert course.tasks == ("task0", "task1", "task2")
    assert course.gain.shape == (2, 3, 3)
    assert np.isfinite(course.gain).all()
    # AdamW's steps are as long as the rate says, a trial step as the full rate does: whatever the schedule.
    assert course.lengths[1] == pytest.approx(course.lengths[0], rel=0.5)
