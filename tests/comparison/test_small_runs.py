"""The small runs: what each changes, and that together they cost what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from mft_core.comparison.small_runs import Amounts, MixOptions, changed_amounts, small_runs
from mft_core.errors import UsageError


def amounts(steps: int) -> Amounts:
    return Amounts(("a", "b"), np.array([3000.0, 1000.0]), np.array([1.0, 0.5]), np.ones(2), 2.0, steps)


def test_all_tasks_then_each_alone_is_changed_up_and_down() -> None:
    assert changed_amounts(2, MixOptions(factor=2)).tolist() == [
        [1, 1], [2, 2], [0.5, 0.5], [2, 1], [0.5, 1], [1, 2], [1, 0.5],
    ]  # fmt: skip


@pytest.mark.parametrize("runs", [5, 8, 21])
def test_as_many_runs_as_asked_for_change_every_task_up_and_down_alike(runs) -> None:
    changes = changed_amounts(6, MixOptions(runs=runs))
    assert changes.shape == (runs, 6)
    up, down = (changes[3:] > 1).sum(axis=0), (changes[3:] < 1).sum(axis=0)
    assert (up + down == runs - 3).all()
    assert (abs(up - down) <= 1).all()
    assert np.array_equal(changes, changed_amounts(6, MixOptions(runs=runs)))


def test_fewer_runs_than_a_law_needs_are_refused() -> None:
    with pytest.raises(UsageError, match="4 small runs are too few") as caught:
        changed_amounts(2, MixOptions(runs=4))
    assert "runs=5 or more" in caught.value.hint


@pytest.mark.parametrize("share", [0.5, 1.0, 3.0])
def test_together_they_have_the_share_of_the_budget_and_each_its_amounts(share) -> None:
    found = small_runs(amounts(1000), MixOptions(share=share))
    assert sum(run.steps for run in found) == pytest.approx(1000 * share, abs=len(found))
    changes = changed_amounts(2, MixOptions())
    for run, change in zip(found, changes, strict=True):
        times = np.array(run.repeats) / amounts(1000).repeats
        assert times / times[0] == pytest.approx(change / change[0])
        # As many tokens in a pass as without: what changes is whose they are.
        assert times @ amounts(1000).tokens == pytest.approx(4000)
        assert run.steps / found[0].steps == pytest.approx(change @ amounts(1000).natural, rel=0.05)


def test_a_budget_too_small_is_refused_with_a_share_that_is_enough() -> None:
    with pytest.raises(UsageError, match="the smallest would have 1") as caught:
        small_runs(amounts(30), MixOptions())
    assert "runs=5 or more" in caught.value.hint
    share = float(caught.value.hint.split("share=")[1].split(")")[0])
    assert min(run.steps for run in small_runs(amounts(30), MixOptions(share=share))) >= 3
