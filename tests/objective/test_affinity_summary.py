"""Planted helpers, conflicts and groups among noisy measurements."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mft_core.objective.affinity import AffinityCourse
from mft_core.objective.affinity_summary import CONFLICT, SPLIT, TOGETHER, UNDECIDED, summarised

NAMES = ("a", "b", "c", "d")


def course(cosine: np.ndarray, gain: np.ndarray | None, measurements: int = 10, noise: float = 0.02, seed: int = 0):
    """Measurements scattered around the truth, float64 [N, N]."""
    generator = np.random.default_rng(seed)
    shape = (measurements, *cosine.shape)
    unknown = np.full(shape, np.nan)
    return AffinityCourse(
        tasks=NAMES[: len(cosine)],
        steps=tuple(range(1, measurements + 1)),
        samples_per_task=2,
        lengths=np.ones(measurements),
        cosine=cosine + generator.normal(0, noise, shape),
        cosine_train=cosine + generator.normal(0, noise, shape),
        gain=unknown if gain is None else gain + generator.normal(0, noise / 100, shape),
    )


TWO_CAMPS = np.array([[1, 0.5, -0.5, -0.4], [0.5, 1, -0.3, -0.5], [-0.5, -0.4, 1, 0.3], [-0.4, -0.5, 0.3, 1]])
ONE_HELPER = np.array([[1, 0.6, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


def test_a_planted_helper_is_named_with_its_interval() -> None:
    found = summarised(course(ONE_HELPER, ONE_HELPER / 100))
    (pair, *_) = found.helps
    assert (pair.one, pair.other) == ("a", "b")
    assert pair.low < 0.006 < pair.high
    assert found.gain is not None
    assert found.gain.mean[0, 1] == pytest.approx(pair.value)


def test_conflicting_pairs_are_named_once_and_the_worst_first() -> None:
    found = summarised(course(TWO_CAMPS, None))
    assert [(pair.one, pair.other) for pair in found.conflicts[-1:]] == [("b", "c")]
    assert {(pair.one, pair.other) for pair in found.conflicts} == {("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")}
    assert all(pair.high < CONFLICT for pair in found.conflicts)
    assert [pair.value for pair in found.conflicts] == sorted(pair.value for pair in found.conflicts)


def test_a_conflict_that_may_be_none_is_not_said() -> None:
    slight = np.eye(2) + np.array([[0, -0.12], [-0.12, 0]])
    assert summarised(course(slight, None, measurements=4, noise=0.3)).conflicts == ()
    assert summarised(course(slight, None, measurements=1, noise=0.0)).conflicts == ()


def test_two_camps_are_to_be_split_and_gain_what_they_cost_each_other() -> None:
    found = summarised(course(TWO_CAMPS, TWO_CAMPS / 100)).grouping
    assert found is not None
    assert found.groups == (("a", "b"), ("c", "d"))
    assert (found.by, found.verdict) == ("gain", SPLIT)
    between = -(TWO_CAMPS[:2, 2:].sum() + TWO_CAMPS[2:, :2].sum()) / 100 / 4
    assert found.low is not None
    assert found.high is not None
    assert found.low < between < found.high


def test_tasks_that_help_each_other_stay_together() -> None:
    found = summarised(course(np.abs(TWO_CAMPS), np.abs(TWO_CAMPS) / 100)).grouping
    assert found is not None
    assert (found.groups, found.verdict, found.advantage) == ((NAMES,), TOGETHER, 0)


def test_noise_alone_is_seldom_taken_for_groups() -> None:
    """Groups that are chosen and judged by the same measurements would look better than they are every time."""
    verdicts = []
    for seed in range(40):
        grouping = summarised(course(np.zeros((4, 4)), np.zeros((4, 4)), noise=0.1, seed=seed)).grouping
        assert grouping is not None
        verdicts.append(grouping.verdict)
    assert verdicts.count(SPLIT) <= 4
    assert UNDECIDED in verdicts


def test_without_trial_steps_cosines_decide() -> None:
    found = summarised(course(TWO_CAMPS, None))
    assert found.gain is None
    assert found.grouping is not None
    assert (found.grouping.by, found.grouping.groups) == ("cosine", (("a", "b"), ("c", "d")))
    assert found.hinders[0].value < 0


def test_one_measurement_says_nothing_for_sure() -> None:
    found = summarised(course(TWO_CAMPS, TWO_CAMPS / 100, measurements=1))
    assert (found.helps, found.hinders, found.conflicts) == ((), (), ())
    assert found.grouping is not None
    assert found.grouping.verdict == UNDECIDED


def test_tasks_of_which_nothing_is_known_are_in_nobodys_way() -> None:
    cosine = TWO_CAMPS.copy()
    cosine[3] = cosine[:, 3] = np.nan
    found = summarised(course(cosine, cosine / 100))
    assert {name for pair in found.conflicts for name in (pair.one, pair.other)} == {"a", "b", "c"}
    text = json.dumps(found.as_json(), allow_nan=False)
    assert json.loads(text)["cosine"]["mean"][3] == [None] * 4
