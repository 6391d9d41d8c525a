"""What evaluations say: events, who needs a word, the best step, when to stop; from a saved state on as before."""

from __future__ import annotations

import json

import numpy as np

from mft_core.recipe.schema import TrainSection
from mft_core.testing.samples import random_table, table_counts, task_losses
from mft_core.training.validation_course import ValidationCourse


def course(said: list, stop: str = "patience", **settings) -> ValidationCourse:
    counts = table_counts(random_table([2, 3]), importance=[1.0, 3.0])
    return ValidationCourse(
        counts, TrainSection(stop=stop, patience=2, **settings), lambda name, **data: said.append((name, data))
    )


def test_an_evaluation_becomes_events_and_the_mean_follows_the_tasks_weights() -> None:
    said: list = []
    assert (
        course(said).evaluated(0, task_losses([2.0, 4.0]), {"watched": {"other": {"loss": 1.0, "tokens": 1}}}) is False
    )
    (name, data), (other, _) = said
    assert (name, other) == ("eval", "balance")
    assert data["loss"] == (2 + 3 * 4) / 4
    assert data["tasks"]["task1"] == {"loss": 4.0, "tokens": 1}
    assert data["watched"] == {"other": {"loss": 1.0, "tokens": 1}}


def test_it_stops_by_its_rule_also_from_a_saved_state_on() -> None:
    rising = [[2.0, 2.0], [3.0, 3.0], [4.0, 4.0]]
    whole = course([])
    assert [whole.evaluated(step, task_losses(row), {}) for step, row in enumerate(rising, 1)] == [False, False, True]
    assert whole.selection.best == 1
    first, second = course([]), course([])
    for step, row in enumerate(rising[:2], 1):
        first.evaluated(step, task_losses(row), {})
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.evaluated(3, task_losses(rising[2]), {})
    assert not course([]).evaluated(3, task_losses(rising[2]), {})
    assert course([], stop="none").evaluated(3, task_losses(rising[2]), {}) is False


def test_a_task_that_has_no_weight_for_long_is_said_to_be_starved() -> None:
    said: list = []
    watched = course(said)
    for _ in range(50):
        watched.step_taken(np.array([1.0, 0.0]), np.array([10, 10]))
    assert [(name, data["kind"], data["tasks"]) for name, data in said] == [("warning", "starved", ("task1",))]
