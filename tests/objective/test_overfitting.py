"""Who turned up first: beyond noise, long enough ago, and never the last one."""

from __future__ import annotations

import json

import numpy as np

from mft_core.interfaces import GO_ON, Decision
from mft_core.objective.overfitting import Overfitting

NOBODY = np.zeros(2, bool)
NAN = float("nan")


def answers(course: list[list[float]], patience: int = 2, left: np.ndarray | None = None) -> list[Decision]:
    """One a row; evaluations are ten steps apart."""
    tasks = len(course[0])
    watch = Overfitting(tuple("abcdef"[:tasks]), patience)
    nobody = np.zeros(tasks, bool) if left is None else left
    return [watch.after_evaluation(10 * number, np.array(row), nobody) for number, row in enumerate(course)]


def test_the_task_whose_lowest_loss_lies_patience_evaluations_back_leaves_for_it() -> None:
    course = [[3.0, 3.0], [2.0, 2.5], [2.2, 2.0], [2.4, 1.5], [2.6, 1.0]]
    assert answers(course) == [GO_ON, GO_ON, GO_ON, Decision((0,), 10), Decision((0,), 10)]
    assert answers(course, patience=1)[2] == Decision((0,), 10)
    assert answers(course, patience=4) == [GO_ON] * 5


def test_a_rise_within_noise_says_nothing() -> None:
    assert answers([[3.0, 3.0], [2.0, 2.0], [2.005, 1.0], [2.009, 0.9]]) == [GO_ON] * 4
    assert answers([[3.0, 3.0], [2.0, 2.0], [2.005, 1.0], [2.011, 0.9]])[-1] == Decision((0,), 10)
    # A loss that rose by 10% every other time while it fell: a rise by 9% is nothing new, one by 30% is.
    jagged = [4.0, 4.4, 3.0, 3.3, 2.0]
    for last, expected in ((2.2, GO_ON), (2.6, Decision((0,), 40))):
        course = [[loss, 1.0] for loss in (*jagged, last, last)]
        assert answers(course)[-1] == expected


def test_of_several_the_one_that_turned_first_then_the_one_that_rose_most() -> None:
    assert answers([[2.0, 3.0, 3.0], [2.5, 2.0, 2.9], [3.0, 9.0, 2.8]], patience=1)[2] == Decision((0,), 0)
    assert answers([[2.0, 2.0, 3.0], [2.2, 2.5, 2.9]], patience=1)[1] == Decision((1,), 0)
    assert answers([[2.0, 2.0, 3.0], [2.5, 2.5, 2.9]], patience=1)[1] == Decision((0,), 0)


def test_the_last_one_never_leaves_nor_one_that_has_left() -> None:
    course = [[2.0, 2.0], [3.0, 2.5]]
    assert answers(course, patience=1, left=np.array([False, True])) == [GO_ON, GO_ON]
    three = [[2.0, 2.0, 2.0], [3.0, 2.5, 1.0]]
    assert answers(three, patience=1, left=np.array([True, False, False]))[1] == Decision((1,), 0)
    assert answers([[2.0], [3.0], [4.0]]) == [GO_ON] * 3


def test_what_is_not_finite_or_not_there_is_no_evaluation() -> None:
    assert answers([[2.0, NAN], [float("inf"), NAN], [NAN, NAN], [2.5, NAN], [2.5, NAN]]) == [
        *[GO_ON] * 4,
        Decision((0,), 0),
    ]


def test_another_order_of_the_tasks_decides_the_same() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        course = generator.uniform(1, 1.2, (6, 4))
        order = generator.permutation(4)
        found, other = answers(course.tolist()), answers(course[:, order].tolist())
        for one, two in zip(found, other, strict=True):
            assert one.back_to == two.back_to
            assert one.leave_out == tuple(int(order[task]) for task in two.leave_out)


def test_it_goes_on_from_a_saved_state() -> None:
    course = np.random.default_rng(1).uniform(1, 1.3, (12, 3))
    course[3, 1] = np.nan
    whole, other = Overfitting(("a", "b", "c"), 2), Overfitting(("a", "b", "c"), 2)
    nobody = np.zeros(3, bool)
    for step, row in enumerate(course):
        expected = whole.after_evaluation(step, row, nobody)
        assert other.after_evaluation(step, row, nobody) == expected
        assert other.lowest_steps(nobody) == whole.lowest_steps(nobody)
        saved = json.loads(json.dumps(other.state_dict(), allow_nan=False))
        other = Overfitting(("a", "b", "c"), 2)
        other.load_state_dict(saved)
    assert whole.lowest_steps(np.ones(3, bool)) == set()
