"""The training loop: what it measures and shows, and that it goes on bit by bit from its checkpoints."""

from __future__ import annotations

import pytest
import torch

from helpers.small_trainer import make_trainer, tensors
from mft_core.events import read_events
from mft_core.records import StepCounts, TaskLosses
from mft_core.testing.losses import check_weights
from mft_core.testing.samples import random_table
from mft_core.training.checkpoint import Checkpoint
from mft_losses.balanced import Balanced
from mft_losses.coba import Coba
from mft_losses.dynamic_average import DynamicWeightAverage
from mft_losses.famo import Famo
from mft_losses.famo_train import FamoTrain
from mft_losses.focal import FocalTask
from mft_losses.random_weights import RandomWeights
from mft_losses.robust import GroupRobust
from mft_losses.uncertainty import Uncertainty

# Resuming, through the files of a checkpoint

RESUMED = {
    "famo": (Famo, {"probe_samples": 2, "rotate_every": 4}),
    "famo every 2": (Famo, {"probe_samples": 2, "every": 2, "rotate_every": 2, "within": "focal-sample"}),
    "famo-train": (FamoTrain, {"within": "focal-task"}),
    "coba": (Coba, {"warmup": 1, "window": 3}),
    "focal-task": (FocalTask, {}),
    "focal-task running": (FocalTask, {"statistics": "running"}),
    "famo in focal-task running": (Famo, {"within": "focal-task", "statistics": "running"}),
    "dwa": (DynamicWeightAverage, {"window": 2}),
    "dwa on running": (DynamicWeightAverage, {"window": 1, "within": "focal-task", "statistics": "running"}),
    "uncertainty": (Uncertainty, {}),
    "dro": (GroupRobust, {"step_size": 0.5}),
    "random": (RandomWeights, {}),
}


@pytest.mark.parametrize(("loss_class", "options"), RESUMED.values(), ids=RESUMED.keys())
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_resumed_training_ends_bit_by_bit_as_an_uninterrupted_one(tmp_path, loss_class, options, dropout) -> None:
    def new(folder: str):
        loss = loss_class(loss_class.Options(**options))
        return make_trainer(tmp_path / folder, loss, random_table([2, 9, 5]), dropout=dropout, steps=6)

    whole, resumed = new("whole"), new("resumed")
    whole.run()
    checkpoint = whole.checkpoints.load(3)
    resumed.resume(checkpoint)
    resumed.run()
    expected, found = tensors(whole), tensors(resumed)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert without_times(resumed.state_dict()) == without_times(whole.state_dict())
    if loss_class is not FocalTask:
        states = [checkpoint.state["loss"], resumed.state_dict()["loss"]]
        assert states[0] != states[1], "the state should matter"


def without_times(state: dict) -> dict:
    return {**state, "meter": {name: value for name, value in state["meter"].items() if "seconds" not in name}}


def test_a_state_that_is_lost_shows(tmp_path) -> None:
    # What the test above can see: the same with a checkpoint whose loss has forgotten everything.
    options = {"probe_samples": 2, "rotate_every": 4}
    runs = []
    for forgets in (False, True):
        whole, resumed = (
            make_trainer(tmp_path / name, Famo(Famo.Options(**options)), random_table([2, 9, 5]), steps=6)
            for name in (f"{forgets}0", f"{forgets}1")
        )
        whole.run()
        checkpoint = whole.checkpoints.load(3)
        if forgets:
            blank = Famo(Famo.Options(**options))
            blank.start(whole.loss.counts)
            checkpoint = Checkpoint(3, {**checkpoint.state, "loss": blank.state_dict()}, checkpoint.tensors)
        resumed.resume(checkpoint)
        resumed.run()
        runs.append(all(torch.equal(tensors(resumed)[name], tensor) for name, tensor in tensors(whole).items()))
    assert runs == [True, False]


# Evaluations that are not finite


class OverflowingLosses:
    """The validation of a run whose second task is lost at some steps, as float16 does it."""

    def __init__(self, trainer, lost_at: set[int], value: float) -> None:
        self._trainer, self._context, self._lost_at, self._value = trainer, trainer.validation, lost_at, value

    def losses(self) -> TaskLosses:
        found = self._context.losses()
        if self._trainer.step in self._lost_at:
            found.token_sum[1] = self._value
        return found


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("stop", ["none", "paper", "patience"])
def test_an_evaluation_with_a_lost_task_is_never_the_best_and_the_task_is_named(tmp_path, stop: str, value) -> None:
    # Losses fall from step to step: without the loss of a task, the last evaluation would be the best.
    def trained(folder: str, lost_at: set[int]):
        table, settings = random_table([2, 9, 5]), {"steps": 4, "eval_every": 1, "stop": stop}
        trainer = make_trainer(tmp_path / folder, Balanced(), table, table, **settings)
        trainer.validation = OverflowingLosses(trainer, lost_at, value)
        return trainer, trainer.run()

    sound, result = trained("sound", set())
    assert sound.selection.best == result.selected == 4
    trainer, result = trained("lost", {3, 4})
    assert trainer.selection.best == 2
    assert set(trainer.selection.best_per_task.values()) <= {1, 2}
    assert result.selected == (4 if stop == "none" else 2)
    events = read_events(trainer.log.path)
    assert [event["loss"] is None for event in events if event["event"] == "eval"] == [False] * 3 + [True] * 2
    (warning,) = [event for event in events if event["event"] == "warning"]
    assert warning["step"] == 3
    assert f"task {trainer.loss.counts.names[1]!r} has a validation loss that is not finite" in warning["message"]


def test_a_task_without_validation_data_leaves_the_others_mean(tmp_path) -> None:
    validation = random_table([3, 0, 3], seed=1)
    trainer = make_trainer(tmp_path, Balanced(), random_table([2, 9, 5]), validation, steps=2, eval_every=1)
    trainer.run()
    evaluations = [event for event in read_events(trainer.log.path) if event["event"] == "eval"]
    for event in evaluations:
        first, missing, third = (task["loss"] for task in event["tasks"].values())
        assert missing is None
        assert event["loss"] == pytest.approx((first + third) / 2)
    assert trainer.selection.best is not None


# What the trainer asks for and shows


class Watcher(Balanced):
    """Remembers the losses it was shown around each step."""

    measures_step_first = True
    measures_step_again = True

    def start(self, counts) -> None:
        super().start(counts)
        self.shown: list[tuple[TaskLosses, TaskLosses, TaskLosses]] = []

    def before_step(self, step: StepCounts) -> None:
        assert step.losses is not None
        self.first = step.losses

    def after_step(self, training: TaskLosses, again: TaskLosses | None) -> None:
        assert again is not None
        self.shown.append((self.first, training, again))


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_step_is_measured_with_its_own_dropout_before_and_after(tmp_path, dropout) -> None:
    loss = Watcher()
    trainer = make_trainer(tmp_path, loss, random_table([2, 9, 5]), dropout=dropout, steps=4)
    trainer.run()
    assert len(loss.shown) == 4
    for first, training, again in loss.shown:
        assert first.as_json() == training.as_json()
        present = training.samples > 0
        assert (training.samples == again.samples).all()
        change = (again.mean() - training.mean())[present]
        assert (change != 0).all()
        assert change.sum() < 0, "a small step along the gradient, seen through the same dropout"


def test_the_whole_model_is_in_training_mode_in_every_step_also_after_a_resume(tmp_path) -> None:
    # Dropout inside the base model counts too, and must not depend on whether an evaluation came first.
    def new(folder: str):
        trainer = make_trainer(tmp_path / folder, Balanced(), random_table([2, 9, 5]), steps=6)
        modes: list[bool] = []
        trainer.model.model.get_input_embeddings().register_forward_pre_hook(
            lambda module, inputs: modes.append(module.training) if torch.is_grad_enabled() else None
        )
        return trainer, modes

    whole, modes = new("whole")
    whole.run()
    resumed, modes_after_resume = new("resumed")
    resumed.resume(whole.checkpoints.load(3))
    resumed.run()
    assert modes
    assert modes_after_resume
    assert all(modes)
    assert all(modes_after_resume)


def test_a_task_absent_from_a_step_and_tasks_without_validation_data_train_on(tmp_path) -> None:
    training = random_table([1, 30, 2])
    validation = random_table([2, 0, 3], seed=1)
    for loss in (Famo(), Coba(Coba.Options(warmup=1)), FocalTask(), Uncertainty(), DynamicWeightAverage(), FamoTrain()):
        trainer = make_trainer(
            tmp_path / type(loss).__name__, loss, training, validation, batch_size=2, steps=5, log_every=1
        )
        absent = [step for step in range(5) if (trainer.plan.step(step)[1].samples == 0).any()]
        assert absent
        trainer.run()
        check_weights(loss.task_weights(), 3)
