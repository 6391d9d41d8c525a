"""How far watched tasks may lose: who is named, when a run stops, and with which model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from helpers.small_trainer import make_trainer, tensors
from mft_core.events import read_events
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.samples import random_table
from mft_core.training.forgetting import Forgetting
from mft_core.training.trainer import Trainer
from mft_losses.balanced import Balanced


def measured(**losses: float) -> dict:
    return {name: {"loss": loss, "tokens": 10} for name, loss in losses.items()}


def test_each_task_is_named_once_the_worst_first() -> None:
    found = Forgetting(0.05)
    assert found.after_evaluation(0, measured(a=2.0, b=2.0, c=2.0)) is None
    assert found.after_evaluation(1, measured(a=2.09, b=1.0, c=2.0)) is None
    warning = found.after_evaluation(2, measured(a=2.2, b=2.5, c=2.0))
    assert warning.tasks == ("b", "a")
    assert warning.message == "watched loss more than 5.0% above that of the base: 'b' +25.0%, 'a' +10.0%"
    assert found.after_evaluation(3, measured(a=3.0, b=2.5, c=2.0)) is None
    assert found.after_evaluation(4, measured(a=3.0, b=2.5, c=float("nan"))).tasks == ("c",)
    assert not found.exceeded


def test_without_a_bound_or_a_base_or_tokens_nothing_is_said() -> None:
    assert Forgetting().after_evaluation(0, measured(a=2.0)) is None
    free = Forgetting()
    free.after_evaluation(0, measured(a=2.0))
    assert free.after_evaluation(1, measured(a=9.0)) is None
    assert Forgetting(0.1).after_evaluation(5, measured(a=9.0)) is None
    without = Forgetting(0.1)
    without.after_evaluation(0, {"a": {"loss": float("nan"), "tokens": 0}})
    assert without.after_evaluation(1, {"a": {"loss": float("nan"), "tokens": 0}}) is None


def test_it_goes_on_from_a_saved_state() -> None:
    first, second = Forgetting(0.05, "stop"), Forgetting(0.05, "stop")
    first.after_evaluation(0, measured(a=2.0))
    first.after_evaluation(10, measured(a=2.05))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.kept() == {10}
    assert "of step 10 or better" in second.after_evaluation(20, measured(a=2.2)).message
    assert (second.exceeded, second.within) == (True, [0, 10])


# In a run

BOUND = 0.03


def watching(run: Path, **settings) -> Trainer:
    """Watches a task of random samples, which training makes worse; the trained ones get better."""
    table = random_table([9, 5])
    course = {"steps": 8, "eval_every": 1, "optimizer": "adamw", "learning_rate": 1e-2}
    trainer = make_trainer(run, Balanced(), table, table, **{**course, **settings})
    trainer._watched = evaluation_context(trainer.model, random_table([4], seed=7), ("general",))
    return trainer


def losses(trainer: Trainer) -> dict[int, float]:
    evaluations = [event for event in read_events(trainer.log.path) if event["event"] == "eval"]
    return {event["step"]: event["watched"]["general"]["loss"] for event in evaluations}


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    trainer = watching(tmp_path_factory.mktemp("free") / "run", save_every=1)
    trainer.run()
    return trainer


def late_bound(trainer: Trainer) -> float:
    """One that only the two highest losses exceed."""
    course = losses(trainer)
    lower, higher = sorted(loss / course[0] - 1 for loss in course.values())[-3:-1]
    return (lower + higher) / 2


def first_beyond(course: dict[int, float], bound: float) -> int:
    return min(step for step, loss in course.items() if loss > course[0] * (1 + bound))


def test_a_warning_changes_no_weight(tmp_path, free) -> None:
    trainer = watching(tmp_path, max_forgetting=BOUND)
    assert trainer.run().reason == "done"
    said = [event for event in read_events(trainer.log.path) if event.get("kind") == "forgets"]
    assert [(event["step"], event["tasks"]) for event in said] == [(first_beyond(losses(free), BOUND), ["general"])]
    assert all(torch.equal(tensor, tensors(free)[name]) for name, tensor in tensors(trainer).items())


@pytest.mark.parametrize("stop", ["none", "patience"])
@pytest.mark.parametrize("save_every", [0, 1])
def test_it_stops_with_the_last_model_within_the_bound_or_the_best_of_these(tmp_path, free, stop, save_every) -> None:
    bound = late_bound(free)
    beyond = first_beyond(losses(free), bound)
    assert beyond > 1
    trainer = watching(tmp_path, max_forgetting=bound, on_forgetting="stop", stop=stop, save_every=save_every)
    trainer.checkpoints.keep = 1
    result = trainer.run()
    assert (result.step, result.reason, result.selected) == (beyond, "forgetting", beyond - 1)
    expected = free.checkpoints.load(beyond - 1).tensors["model"]
    assert all(torch.equal(tensor, expected[name]) for name, tensor in tensors(trainer).items())


def test_the_base_is_the_result_where_nothing_else_is_within(tmp_path) -> None:
    trainer = watching(tmp_path, max_forgetting=1e-9, on_forgetting="stop", learning_rate=0.3)
    start = tensors(trainer)
    result = trainer.run()
    assert result.selected == 0
    assert all(torch.equal(tensor, start[name]) for name, tensor in tensors(trainer).items())


def test_resumed_it_stops_at_the_same_step_with_the_same_model(tmp_path, free) -> None:
    bound = late_bound(free)
    settings = {"max_forgetting": bound, "on_forgetting": "stop"}
    whole = watching(tmp_path / "whole", **settings)
    expected = whole.run()
    for step in (0, expected.selected):
        again = watching(tmp_path / f"from {step}", **settings)
        again.resume(whole.checkpoints.load(step))
        # The checkpoint that is the result lies in the folder of the run.
        again.checkpoints = whole.checkpoints
        assert again.run() == expected
        assert all(torch.equal(tensor, tensors(whole)[name]) for name, tensor in tensors(again).items())
