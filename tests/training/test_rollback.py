"""A task that overfits leaves, and the run goes back; killed at any moment, it comes to the same end."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.overfitting import (
    LOWEST,
    STEPS,
    TURNED,
    Without,
    deciding,
    excluding,
    overfitting_trainer,
    said,
    same,
    tokens_of,
)
from helpers.small_trainer import tensors
from mft_core.events import read_events
from mft_core.interfaces import Decision
from mft_core.training.trainer import Trainer
from mft_losses.balanced import Balanced

BACK = Decision(leave_out=(0,), back_to=2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rollback")


@pytest.fixture(scope="module")
def plain(place: Path) -> Trainer:
    """A run in which nobody leaves, every checkpoint of which is kept."""
    trainer = overfitting_trainer(place / "plain", Balanced(), save_every=2)
    trainer.run()
    return trainer


@pytest.fixture(scope="module")
def excluded(place: Path) -> Trainer:
    trainer = overfitting_trainer(place / "excluded", excluding())
    trainer.run()
    return trainer


def by_hand(run: Path, plain: Trainer, step: int, left: tuple[int, ...] = (0,)) -> dict[str, torch.Tensor]:
    """Weights of a run that takes up a checkpoint of `plain` with another loss."""
    loss = Without()
    loss.tasks = left
    trainer = overfitting_trainer(run, loss)
    trainer.resume(plain.checkpoints.load(step))
    trainer.run()
    return tensors(trainer)


def test_the_task_that_overfits_leaves_and_the_rest_goes_on_as_a_run_made_by_hand(place, plain, excluded) -> None:
    (decision,) = said(excluded, "decision")
    assert (decision["left_out"], decision["remaining"]) == (["task0"], ["task1", "task2"])
    assert (decision["step"], decision["from_step"], decision["to_step"]) == (LOWEST, TURNED, LOWEST)
    assert decision["extra_steps"] == TURNED - LOWEST
    losses = {event["step"]: event for event in said(plain, "eval")}
    assert decision["losses"] == {name: task["loss"] for name, task in losses[TURNED]["tasks"].items()}
    assert decision["back_at"]["tasks"] == {"task0": losses[LOWEST]["tasks"]["task0"]["loss"]}
    assert decision["given_up"] == [
        {"step": step, "loss": losses[step]["loss"], "tasks": {"task0": losses[step]["tasks"]["task0"]["loss"]}}
        for step in (LOWEST + 2, TURNED)
    ]
    assert same(tensors(excluded), by_hand(place / "hand", plain, LOWEST))
    assert not same(tensors(excluded), tensors(plain))


def test_tokens_of_steps_that_were_given_up_stay_spent(excluded) -> None:
    assert excluded.real_tokens == tokens_of(excluded, [*range(TURNED), *range(LOWEST, STEPS)])


def test_the_log_has_one_course_in_which_who_left_weighs_nothing_and_is_measured_still(excluded) -> None:
    events = read_events(excluded.log.path)
    assert [event["step"] for event in events] == sorted(event["step"] for event in events)
    assert [event["step"] for event in events if event["event"] == "train"] == list(range(1, STEPS + 1))
    assert [event["step"] for event in events if event["event"] == "eval"] == list(range(0, STEPS + 1, 2))
    for event in said(excluded, "train"):
        weights = [task["weight"] for task in event["tasks"].values()]
        assert weights == ([1 / 3] * 3 if event["step"] <= LOWEST else [0.0, 0.5, 0.5])
    assert all(event["tasks"]["task0"]["loss"] > 0 for event in said(excluded, "eval"))
    assert not [event for event in said(excluded, "warning") if "task0" in event.get("tasks", ())]


def test_checkpoints_are_those_of_the_new_course_and_say_who_left(excluded) -> None:
    steps = excluded.checkpoints.steps()
    assert steps == sorted({0, 2, 4, LOWEST, 8, 9, TURNED, STEPS} | {3, LOWEST})
    left = {step: excluded.checkpoints.load(step).state["left_out"] for step in steps}
    assert all(any(states) == (step >= LOWEST) for step, states in left.items())


def test_what_the_model_gone_back_to_holds_as_its_bests_is_there(place) -> None:
    trainer = overfitting_trainer(place / "few", excluding(), save_every=0)
    trainer.checkpoints.keep = 1
    trainer.run()
    there = trainer.checkpoints.steps()
    for step in there:
        state = trainer.checkpoints.load(step).state
        bests = {state["selection"]["best"], *state["overfitting"]["counts"][0][1:]} - {None}
        assert bests <= set(there)


class KilledError(RuntimeError):
    """Instead of a signal: nothing after this happens."""


def kill_before(trainer: Trainer, owner: object, name: str, at_once: bool = False) -> None:
    """`owner.name` is where the run ends, once it goes back, or `at_once`."""

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    if at_once:
        setattr(owner, name, killed)
    going = trainer._restore

    def restore(*arguments: object) -> None:
        going(*arguments)
        setattr(owner, name, killed)

    trainer._restore = restore


@pytest.mark.parametrize(
    "moment",
    ["decided", "before later checkpoints go", "before the new one", "before the log is rewound", "before it is said"],
)  # fmt: skip
def test_killed_at_any_moment_of_going_back_it_ends_bit_by_bit_the_same(tmp_path, excluded, moment) -> None:
    trainer = overfitting_trainer(tmp_path / "run", excluding(Balanced), save_every=3)
    owners = {
        "before later checkpoints go": (trainer.checkpoints, "remove_after"),
        "before the new one": (trainer.checkpoints, "save"),
        "before the log is rewound": (trainer.log, "rewind"),
        "before it is said": (trainer.rollback, "tell"),
    }
    if moment == "decided":
        kill_before(trainer, trainer, "_go_back", at_once=True)
    else:
        kill_before(trainer, *owners[moment])
    with pytest.raises(KilledError):
        trainer.run()
    check_resumed(tmp_path / "run", excluded)


def check_resumed(run: Path, whole: Trainer) -> None:
    """The run in folder `run`, taken up as `mft run --resume` does it, ends as `whole` did."""
    again = overfitting_trainer(run, excluding())
    checkpoint = again.checkpoints.load_latest()
    again.resume(checkpoint)
    again.log.rewind(checkpoint.step)
    again.rollback.tell()
    again.run()
    assert same(tensors(again), tensors(whole))
    assert again.real_tokens == whole.real_tokens
    (expected,), (found,) = said(whole, "decision"), said(again, "decision")
    assert found == expected
    assert [event["step"] for event in said(again, "eval")] == [event["step"] for event in said(whole, "eval")]


@pytest.mark.parametrize("step", [2, LOWEST, 9, TURNED])
def test_resumed_from_any_checkpoint_of_the_new_course(tmp_path, excluded, step) -> None:
    shutil.copytree(excluded.log.run, tmp_path / "run")
    again = overfitting_trainer(tmp_path / "run", excluding())
    again.checkpoints.remove_after(step)
    check_resumed(tmp_path / "run", excluded)


def test_a_loss_of_somebody_else_answers_a_decision_of_its_own(place, plain) -> None:
    loss = deciding({4: BACK})
    trainer = overfitting_trainer(place / "own", loss)
    trainer.run()
    (decision,) = said(trainer, "decision")
    assert (decision["left_out"], decision["from_step"], decision["to_step"]) == (["task0"], 4, 2)
    assert same(tensors(trainer), by_hand(place / "own by hand", plain, 2))
    assert [step for step, _ in loss.shown] == [0, 2, 4, 4, 6, 8, 10, 12]
    measured = {event["step"]: event["tasks"] for event in said(plain, "eval")}
    step, losses = loss.shown[2]
    assert losses.dtype == np.float64
    assert losses.tolist() == [task["loss"] for task in measured[step].values()]


def test_one_may_leave_without_going_back(place, plain) -> None:
    trainer = overfitting_trainer(place / "stay", deciding({4: Decision(leave_out=(0, 2))}))
    trainer.run()
    (decision,) = said(trainer, "decision")
    assert (decision["step"], decision["to_step"], decision["given_up"]) == (4, 4, [])
    assert same(tensors(trainer), by_hand(place / "stay by hand", plain, 4, (0, 2)))


def test_on_other_tasks_who_has_left_goes_with_the_name(tmp_path, excluded) -> None:
    same_data = {"train": 1, "valid": 1, "train_digest": "", "valid_digest": ""}
    again = overfitting_trainer(tmp_path, excluding())
    again._identities = dict.fromkeys(("task0", "task1", "task2"), same_data)
    before = dict.fromkeys(("task1", "task2", "task0"), same_data)
    again.resume(excluded.checkpoints.load(LOWEST), before)
    assert again.loss.left_out.tolist() == [False, True, False]
    (decision,) = said(excluded, "decision")
    assert again.loss.overfitting.lowest_steps(np.array([True, False, True])) == {decision["to_step"]}
