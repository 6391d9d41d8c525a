"""Measurements as events, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mft_core.objective.affinity import as_event, joined, read_course


def event(step: int, tasks=("a", "b"), gain: bool = True, scale: float = 1.0) -> dict:
    generator = np.random.default_rng(step)
    cosine, train, gains = (scale * generator.normal(size=(len(tasks), len(tasks))) for _ in range(3))
    fields = as_event(tasks, 2, 0.5, cosine, train, gains if gain else None)
    return json.loads(json.dumps({"event": "affinity", "step": step, **fields}, allow_nan=False))


def test_they_come_back_to_six_digits_in_order() -> None:
    course = read_course([event(20), {"event": "eval", "step": 3}, event(10)])
    assert course is not None
    assert (course.tasks, course.steps, course.samples_per_task) == (("a", "b"), (10, 20), 2)
    generator = np.random.default_rng(10)
    for found in (course.cosine, course.cosine_train, course.gain):
        assert found[0] == pytest.approx(generator.normal(size=(2, 2)), rel=1e-5)
    assert course.lengths.tolist() == [0.5, 0.5]


def test_what_is_not_finite_is_not_known() -> None:
    fields = as_event(["a", "b"], 2, 0.5, np.array([[1, np.nan], [np.inf, 2.0]]), np.eye(2), None)
    assert fields["cosine"] == [[1.0, None], [None, 2.0]]
    course = read_course([{"event": "affinity", "step": 1, **fields}])
    assert course is not None
    assert np.isnan(course.cosine[0]).tolist() == [[False, True], [True, False]]
    assert np.isnan(course.gain).all()


def test_of_a_run_that_went_on_with_other_tasks_only_these_count() -> None:
    course = read_course([event(10, ("a", "b", "c")), event(20)])
    assert course is not None
    assert course.steps == (20,)


def test_of_one_step_the_later_measurement_counts() -> None:
    course = read_course([event(10, scale=9), event(10)])
    assert course is not None
    assert course.cosine.shape == (1, 2, 2)
    assert course.cosine[0] == pytest.approx(np.random.default_rng(10).normal(size=(2, 2)), rel=1e-5)


def test_there_may_be_none() -> None:
    assert read_course([{"event": "eval", "step": 3}]) is None


def test_seeds_are_joined() -> None:
    one, other = read_course([event(10), event(20)]), read_course([event(10)])
    assert one is not None
    assert other is not None
    both = joined([one, other])
    assert both.steps == (10, 20, 10)
    assert both.gain.shape == (3, 2, 2)


def test_a_hundred_tasks_take_a_few_hundred_kilobytes_a_measurement() -> None:
    assert len(json.dumps(event(1, tuple(f"task-{n}" for n in range(100)), gain=False))) < 300_000
