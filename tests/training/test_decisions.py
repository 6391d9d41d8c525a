"""What is done with a decision to leave tasks out or to go back: its bounds, its events, and what goes back with it."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.overfitting import LOWEST, STEPS, TURNED, Deciding, deciding, excluding, overfitting_trainer, said, same
from helpers.small_trainer import tensors
from mft_core.interfaces import GO_ON, Decision
from mft_losses.balanced import Balanced
from mft_losses.famo import Famo


def test_at_most_all_but_one_leave_and_the_last_stays_however_it_rises(tmp_path) -> None:
    class Rising(Balanced):
        """Sees every task turn up at once, whatever is measured."""

        def after_evaluation(self, step: int, losses: np.ndarray) -> Decision:
            return super().after_evaluation(step, np.array([2.0, 3.0, 4.0]) + step)

    trainer = overfitting_trainer(tmp_path / "rising", excluding(Rising), max_extra_steps=9.0)
    trainer.run()
    decisions = said(trainer, "decision")
    assert [(event["left_out"], event["to_step"]) for event in decisions] == [(["task0"], 0), (["task1"], 0)]
    assert [event["number"] for event in decisions] == [1, 2]
    assert [event["extra_steps"] for event in decisions] == [4, 8]
    assert trainer.loss.left_out.tolist() == [True, True, False]
    assert [task["weight"] for task in said(trainer, "train")[-1]["tasks"].values()] == [0, 0, 1]


def test_beyond_the_bound_it_leaves_without_going_back(tmp_path) -> None:
    trainer = overfitting_trainer(tmp_path / "bound", excluding(), max_extra_steps=0.1)
    trainer.run()
    (decision,) = said(trainer, "decision")
    assert (decision["from_step"], decision["to_step"], decision["extra_steps"]) == (TURNED, TURNED, 0)
    assert "train.max_extra_steps" in decision["hindrance"]
    assert trainer.loss.left_out.tolist() == [True, False, False]


def test_a_loss_that_always_goes_back_ends(tmp_path) -> None:
    class Again(Deciding):
        def after_evaluation(self, step: int, losses: np.ndarray) -> Decision:
            return Decision(back_to=2) if step == 4 else GO_ON

    trainer = overfitting_trainer(tmp_path / "again", Again(), max_extra_steps=0.5)
    assert trainer.run().step == STEPS
    assert [event["extra_steps"] for event in said(trainer, "decision")] == [2, 4, 6]
    (warning,) = [event for event in said(trainer, "warning") if "not followed" in event["message"]]
    assert "not followed, more than 6 steps in all would be done again" in warning["message"]


def test_every_task_at_once_does_not_leave_and_one_there_is_not_is_the_plugins_fault(tmp_path) -> None:
    trainer = overfitting_trainer(tmp_path / "all", deciding({2: Decision(leave_out=(0, 1, 2))}), steps=4)
    trainer.run()
    assert not said(trainer, "decision")
    assert any("the last one never leaves" in event["message"] for event in said(trainer, "warning"))
    with pytest.raises(ValueError, match="task 3 of 3"):
        overfitting_trainer(tmp_path / "none", deciding({2: Decision(leave_out=(3,))}), steps=4).run()


def test_of_a_damaged_checkpoint_the_one_before_is_gone_back_to_and_it_is_said(tmp_path) -> None:
    trainer = overfitting_trainer(tmp_path / "damaged", excluding())
    ask = trainer.loss.after_evaluation

    def damaging(step: int, losses: np.ndarray) -> Decision:
        decision = ask(step, losses)
        if decision.back_to is not None:
            (trainer.checkpoints.folder(LOWEST) / "state.json").write_text("{", encoding="utf-8")
        return decision

    trainer.loss.after_evaluation = damaging
    trainer.run()
    first = said(trainer, "decision")[0]
    assert first["to_step"] == LOWEST - 2
    assert "cannot be read" in first["hindrance"]


def test_decisions_survive_a_later_one_that_goes_back_further(tmp_path) -> None:
    class Twice(Deciding):
        def after_evaluation(self, step: int, losses: np.ndarray) -> Decision:
            left = int(self.left_out.sum())
            return {(6, 0): Decision((0,), 4), (8, 1): Decision((1,), 2)}.get((step, left), GO_ON)

    trainer = overfitting_trainer(tmp_path / "twice", Twice())
    trainer.run()
    found = [
        (event["number"], event["step"], event["to_step"], event["extra_steps"]) for event in said(trainer, "decision")
    ]
    assert found == [(1, 2, 4, 2), (2, 2, 2, 8)]
    assert trainer.checkpoints.load(2).state["left_out"] == [True, True, False]


def test_probes_and_their_state_go_back_too(tmp_path) -> None:
    # FAMO's weights follow a probe: going back and resuming from there come to the same.
    loss = excluding(Famo, probe_samples=2, rotate_every=4)
    trainer = overfitting_trainer(tmp_path / "famo", loss, save_every=2)
    trainer.run()
    (decision,) = said(trainer, "decision")
    again = overfitting_trainer(tmp_path / "famo again", excluding(Famo, probe_samples=2, rotate_every=4))
    again.resume(trainer.checkpoints.load(decision["to_step"]))
    again.run()
    assert same(tensors(again), tensors(trainer))


def test_under_a_stopping_rule_going_back_comes_first_and_the_count_is_that_of_then(tmp_path) -> None:
    trainer = overfitting_trainer(tmp_path / "stop", excluding(), stop="patience", patience=2, steps=14)
    result = trainer.run()
    (decision,) = said(trainer, "decision")
    assert decision["to_step"] == LOWEST
    assert result.selected in [event["step"] for event in said(trainer, "eval")]
