"""States of tasks that come, go and change places follow the tasks' names."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mft_core.records import TaskCounts
from mft_core.testing.losses import observe_course, random_course
from mft_core.training.task_states import for_tasks, on_these_tasks
from mft_losses.coba import Coba
from mft_losses.dynamic_average import DynamicWeightAverage
from mft_losses.famo import Famo
from mft_losses.famo_train import FamoTrain
from mft_losses.robust import GroupRobust
from mft_losses.uncertainty import Uncertainty

LOSSES = {
    "famo": (Famo, {}), "famo-train": (FamoTrain, {}), "coba": (Coba, {"warmup": 1, "window": 3}),
    "dwa": (DynamicWeightAverage, {"window": 2}), "dro": (GroupRobust, {"step_size": 0.5}),
    "uncertainty": (Uncertainty, {}), "focal": (Famo, {"within": "focal-task", "statistics": "running"}),
}  # fmt: skip


def counts(*names: str) -> TaskCounts:
    return TaskCounts(names, np.full(len(names), 9), np.full(len(names), 90), np.ones(len(names)))


def started(name: str, *tasks: str):
    loss_class, options = LOSSES[name]
    loss = loss_class(loss_class.Options(**options))
    loss.start(counts(*tasks))
    return loss


def states(loss) -> dict:
    return json.loads(json.dumps({"loss": loss.state_dict(), "within": loss.within.state_dict()}))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_goes_on_with_its_tasks_in_another_order(name: str) -> None:
    # Three measurements in windows of three: rows of tasks are not taken for tasks.
    order = [2, 0, 1]
    course = random_course(3, steps=9)
    loss, other = started(name, "a", "b", "c"), started(name, "c", "a", "b")
    observe_course(loss, course)
    observe_course(other, course[:, order])
    known = {task: {} for task in "abc"}
    moved = on_these_tasks(states(loss), states(started(name, "c", "a", "b")), known, {task: {} for task in "cab"})
    resumed = started(name, "c", "a", "b")
    resumed.load_state_dict(moved["loss"])
    resumed.within.load_state_dict(moved["within"])
    expected = loss.task_weights()[order]
    assert len(set(expected)) > 1
    np.testing.assert_allclose(resumed.task_weights(), expected, rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_goes_on_without_a_task_and_with_a_new_one(name: str) -> None:
    loss = started(name, "a", "b", "c")
    observe_course(loss, random_course(3, steps=9))
    for names in ("bc", "nabc", "cn"):
        fresh = states(started(name, *names))
        moved = on_these_tasks(states(loss), fresh, {task: {} for task in "abc"}, {task: {} for task in names})
        resumed = started(name, *names)
        resumed.load_state_dict(moved["loss"])
        resumed.within.load_state_dict(moved["within"])
        observe_course(resumed, random_course(len(names), steps=4))
        weights = resumed.task_weights()
        assert weights.shape == (len(names),)
        assert np.isfinite(weights).all()
        assert weights.sum() == pytest.approx(1)


def test_only_what_is_per_task_moves() -> None:
    state = {"logits": [1.0, 2.0], "steps": 2, "window": [[1.0, None], [3.0, 4.0], [5.0, 6.0]], "largest": [7.0, 8.0]}
    fresh = {"logits": [0.0, 0.0, 0.0], "steps": 0, "window": [], "largest": []}
    assert for_tasks({**state, "said": ["x", "y"]}, fresh, [1, None, 0], 2) == {
        "logits": [2.0, 0.0, 1.0], "steps": 2, "window": [[None, None, 1.0], [4.0, None, 3.0], [6.0, None, 5.0]],
        "largest": [7.0, 8.0], "said": ["x", "y"],
    }  # fmt: skip


def test_of_a_matrix_of_tasks_by_tasks_rows_and_columns_move() -> None:
    state, fresh = [[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.1, 0.2], [0.3, 0.4, 0.5], [0.6, 0.7, 0.8]]
    assert for_tasks({"pairs": state}, {"pairs": fresh}, [1, None, 0], 2) == {
        "pairs": [[4.0, 0.1, 3.0], [0.3, 0.4, 0.5], [2.0, 0.7, 1.0]]
    }
    assert for_tasks(state, [[0.0]], [1], 2) == [[4.0]]
    assert for_tasks(state, [], [1, 0], 2) == [[2.0, 1.0], [4.0, 3.0]], "a window of two measurements"
