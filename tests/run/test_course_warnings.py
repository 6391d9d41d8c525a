"""Keys that look at evaluations, where these have nothing to show."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mft_core.interfaces import Loss
from mft_core.recipe.schema import TrainSection
from mft_core.run.course_warnings import course_warnings
from mft_losses.balanced import Balanced
from mft_losses.coba import Coba


def tasks(trained: list[int], watched: list[int]) -> Any:
    """Tasks of so many validation samples."""

    class Tasks(list):
        pass

    found = Tasks(SimpleNamespace(valid=range(size)) for size in trained)
    found.watched = [SimpleNamespace(valid=range(size)) for size in watched]
    return found


@pytest.mark.parametrize(
    ("settings", "trained", "watched", "expected"),
    [
        ({"max_forgetting": 0.1}, [3, 3], [2], ""),
        ({"max_forgetting": 0.1}, [3, 3], [], "there is none"),
        ({"max_forgetting": 0.1, "on_forgetting": "stop", "eval_every": 0}, [3, 3], [2], "no evaluations to stop at"),
        ({"on_forgetting": "stop", "eval_every": 0}, [3, 3], [], ""),
    ],
)
def test_forgetting_needs_tasks_that_are_watched(settings, trained, watched, expected) -> None:
    found = course_warnings(TrainSection(**settings), Balanced(), tasks(trained, watched), 100)
    assert [expected in warning for warning in found] == [True] * bool(expected)


@pytest.mark.parametrize(
    ("settings", "trained", "expected"),
    [({}, [3, 3], ""), ({}, [3], "one only"), ({"eval_every": 0}, [3, 3], "eval_every is 0"), ({}, [0, 0], "none has")],
)
def test_exclusion_needs_tasks_that_can_leave(settings, trained, expected) -> None:
    loss = Balanced(Balanced.Options(exclude="overfit"))
    found = course_warnings(TrainSection(**settings), loss, tasks(trained, []), 100)
    assert [expected in warning for warning in found] == [True] * bool(expected)
    assert course_warnings(TrainSection(**settings), Balanced(), tasks(trained, []), 100) == []


class Waiting(Loss):
    """Of a third party: says itself when it waits."""

    def task_weights(self) -> Any:
        return self.counts.importance

    def idle(self, steps: int) -> str:
        return "it waits for the 50th step; set loss.wait" if steps <= 50 else ""


@pytest.mark.parametrize(
    ("loss", "steps", "trained", "expected"),
    [
        (Coba(), 92, [3, 3], "moves no weight in 92 optimizer steps, and what it measures is paid for: its weights"),
        (Coba(), 92, [3], ""),
        (Coba(), 101, [3, 3], ""),
        (Waiting(), 50, [3, 3], "moves no weight in 50 optimizer steps: it waits for the 50th step; set loss.wait"),
        (Waiting(), 51, [3, 3], ""),
        (Balanced(), 1, [3, 3], ""),
    ],
)
def test_a_loss_that_will_never_act_is_said(loss: Loss, steps: int, trained: list[int], expected: str) -> None:
    found = course_warnings(TrainSection(), loss, tasks(trained, []), steps)
    assert [expected in warning for warning in found] == [True] * bool(expected)


def test_a_stop_rule_counts_tasks_that_have_left() -> None:
    loss = Balanced(Balanced.Options(exclude="overfit"))
    (found,) = course_warnings(TrainSection(stop="paper"), loss, tasks([3, 3], []), 100)
    assert "train.stop = 'paper' looks at the mean over all tasks" in found
    assert course_warnings(TrainSection(stop="paper"), Balanced(), tasks([3, 3], []), 100) == []
