"""Steps that cannot be taken are named, and too many in a row end the run."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.errors import MftError
from mft_core.records import StepCounts, TaskLosses
from mft_core.testing.samples import random_table
from mft_core.training.bad_steps import BadSteps
from mft_core.training.step import StepOutcome

NAMES = ("one", "two", "three")
COUNTS = StepCounts(np.array([1, 0, 2]), np.array([4, 0, 9]), steps_per_epoch=1)


def outcome(*bad: int) -> StepOutcome:
    return StepOutcome(float("nan"), False, list(bad), TaskLosses.zeros(3), 0)


def test_the_tasks_of_the_bad_samples_are_named_or_all_that_the_step_had() -> None:
    said = []
    bad = BadSteps(NAMES, random_table([2, 3, 4]), 5, lambda name, **data: said.append((name, data)))
    bad.report(1, outcome(0, 3), COUNTS, "")
    bad.report(2, outcome(), COUNTS, "")
    assert [name for name, _ in said] == ["skip", "skip"]
    assert said[0][1] == {"reason": "loss not finite", "tasks": ["one", "two"], "samples": [0, 3]}
    assert said[1][1] == {"reason": "gradient not finite", "tasks": ["one", "three"], "samples": []}


def test_too_many_in_a_row_end_the_run_with_what_can_be_gone_back_to() -> None:
    bad = BadSteps(NAMES, random_table([2, 3, 4]), 2, lambda name, **data: None)
    bad.report(7, outcome(0), COUNTS, "step 5 is kept")
    bad.in_a_row = 0  # a step was taken
    bad.report(9, outcome(0), COUNTS, "step 5 is kept")
    with pytest.raises(MftError, match="2 steps in a row, last at step 10, in: one") as caught:
        bad.report(10, outcome(0), COUNTS, "step 5 is kept")
    assert "step 5 is kept" in caught.value.hint
