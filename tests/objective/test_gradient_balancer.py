"""Losses that weigh tasks by their gradients: what a method may answer, and what becomes of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from helpers.gradient_losses import ShortGradientsFirst
from mft_core.interfaces import GradientBalancer, GradientOptions, Gramians
from mft_core.records import TaskCounts
from mft_core.testing.losses import LossTests

NAMES = ("b", "a", "c")


class Answering(GradientBalancer):
    """Answers what it is told to, and keeps what it was asked."""

    def weigh(self, gramian: np.ndarray) -> np.ndarray:
        self.asked = gramian
        return self.answer


def started(answer: list[float], importance: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Answering:
    loss = Answering(GradientOptions())
    sizes = np.array([10, 20, 30])
    loss.start(TaskCounts(NAMES, sizes, sizes, np.array(importance)))
    loss.answer = np.array(answer)
    return loss


def seen(gramian: np.ndarray, present: tuple[bool, ...] = (True, True, True)) -> Gramians:
    return Gramians(np.array(present), ~np.array(present), train=gramian)


GRAMIAN = np.array([[1.0, 2.0, 3.0], [2.0, 5.0, 6.0], [3.0, 6.0, 9.0]])


def test_a_method_is_asked_in_the_order_of_the_names() -> None:
    loss = started([1.0, 2.0, 5.0])
    loss.observe_gradients(seen(GRAMIAN))
    assert loss.asked.tolist() == [[5, 2, 6], [2, 1, 3], [6, 3, 9]]
    assert loss.task_weights() == pytest.approx([2 / 8, 1 / 8, 5 / 8])


def test_the_tasks_own_weight_multiplies_the_methods() -> None:
    loss = started([1.0, 2.0, 5.0], importance=(2.0, 1.0, 1.0))
    loss.observe_gradients(seen(GRAMIAN))
    assert loss.task_weights() == pytest.approx([4 / 10, 1 / 10, 5 / 10])


def test_a_task_without_a_gradient_has_the_mean_weight_of_the_others() -> None:
    loss = started([1.0, 3.0])
    loss.observe_gradients(seen(GRAMIAN, (True, False, True)))
    assert loss.asked.tolist() == [[1, 3], [3, 9]]
    assert loss.task_weights() == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    loss.observe_gradients(seen(GRAMIAN, (False, False, False)))
    assert loss.task_weights() == pytest.approx([1 / 6, 2 / 6, 3 / 6])


def test_a_weight_below_zero_is_zero_and_that_is_said_once() -> None:
    loss = started([-1.0, 1.0, 3.0])
    loss.observe_gradients(seen(GRAMIAN))
    assert loss.task_weights() == pytest.approx([1 / 4, 0, 3 / 4])
    (remark,) = loss.remarks()
    assert "'a'" in remark
    assert "below 0" in remark
    loss.observe_gradients(seen(GRAMIAN))
    assert loss.remarks() == []


@pytest.mark.parametrize("answer", [[np.nan, 1, 1], [1, np.inf, 1], [0, 0, 0], [-1, -1, 0]])
def test_an_answer_that_cannot_be_used_leaves_the_weights_and_that_is_said_once(answer: list[float]) -> None:
    loss = started([1.0, 2.0, 5.0])
    loss.observe_gradients(seen(GRAMIAN))
    before = loss.task_weights().tolist()
    loss.answer = np.array(answer)
    loss.observe_gradients(seen(GRAMIAN))
    assert loss.task_weights().tolist() == before
    (remark,) = loss.remarks()
    assert "stay as they are" in remark
    resumed = started(answer)
    resumed.load_state_dict(json.loads(json.dumps(loss.state_dict())))
    resumed.observe_gradients(seen(GRAMIAN))
    assert resumed.remarks() == [], "it was said before the interruption"


class TestShortGradientsFirst(LossTests):
    """A balancer of a few lines passes the kit."""

    component = ShortGradientsFirst


def test_where_all_weight_lies_on_tasks_that_count_for_nothing_the_others_count_as_they_are_meant_to() -> None:
    loss = started([0.0, 0.0, 1.0], importance=(1.0, 3.0, 0.0))
    loss.observe_gradients(seen(GRAMIAN))
    assert loss.task_weights().tolist() == [0.25, 0.75, 0.0]
