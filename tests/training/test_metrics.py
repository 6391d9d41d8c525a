"""What happened since the last log line."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from mft_core.records import TaskLosses
from mft_core.testing.samples import task_losses
from mft_core.training.metrics import Meter, Spent

NAMES = ("a", "b", "c")


def meter() -> Meter:
    """Two steps; "c" occurs in none of them."""
    found = Meter(NAMES)
    found.add(task_losses([2.0, math.nan, math.nan]), 100)
    found.end_step(0.5, 3.0, 0.1, np.array([0.25, 0.5, 0.25]))
    found.add(task_losses([4.0, 1.0, math.nan]), 50)
    found.end_step(1.0, 2.0, 0.2, np.array([0.2, 0.6, 0.2]))
    return found


def test_a_window_is_weighed_by_its_last_weights_over_the_tasks_it_saw() -> None:
    fields = meter().flush()
    assert fields["tasks"]["a"] == {"loss": 3.0, "weight": 0.2, "tokens": 2}
    assert math.isnan(fields["tasks"]["c"]["loss"])
    assert fields["loss"] == pytest.approx((0.2 * 3.0 + 0.6 * 1.0) / 0.8)
    assert (fields["tokens_per_second"], fields["learning_rate"], fields["gradient_norm"]) == (100.0, 0.2, 2.0)


def test_a_new_window_begins_with_every_line() -> None:
    one = meter()
    assert one.steps == 2
    one.flush()
    assert (one.steps, one.spent) == (0, Spent(1.5, 150))
    assert math.isnan(one.flush()["loss"])
    one.add(TaskLosses.zeros(3), 10)
    one.end_step(2.0, 1.0, 0.1, np.ones(3))
    assert one.flush()["seconds"] == 3.5


def test_an_open_window_survives_json() -> None:
    one, other = meter(), Meter(NAMES)
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    for each in (one, other):
        each.add(task_losses([1.0, 1.0, 1.0]), 5)
        each.end_step(0.1, 1.0, 0.3, np.ones(3))
    assert one.flush() == other.flush()
