"""Verdicts that a correction for their family leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.made_up_comparisons import ALIKE, BASE, BETTER, MIXED
from mft_core.comparison.families import corrected_pairs, corrected_tasks, corrected_verdict, mean_with_pairs
from mft_core.comparison.results import PairResult, TaskComparison


@pytest.mark.parametrize(("count", "left"), [(1, "lower"), (2, "no difference shown")])
def test_verdicts_that_many_comparisons_could_bring_about_are_not_left(count: int, left: str) -> None:
    one = replace(BETTER, p=0.03, p_corrected=None, corrected="")
    other = replace(ALIKE, p=0.9, p_corrected=None, corrected="")
    arms = {"base": BASE, "mixed": MIXED, **{f"arm{number}": (one, other)[number] for number in range(count)}}
    (task,) = corrected_tasks([TaskComparison("a", False, 30, 300, arms)])
    assert task.arms["arm0"].corrected == left
    assert task.arms["arm0"].p_corrected == pytest.approx(0.03 * count)
    assert (task.arms["base"].corrected, task.arms["mixed"].corrected) == ("", "")


def test_pairs_are_corrected_together_and_turned_where_the_reference_stands_first() -> None:
    pairs = corrected_pairs(
        [
            PairResult("mixed", "famo", -0.5, -0.9, -0.1, "lower", 0.01),
            PairResult("mixed", "dwa", 0.2, 0.1, 0.3, "higher", 0.04),
            PairResult("famo", "dwa", 0.7, 0.4, 1.0, "higher", 0.001),
        ]
    )
    assert [pair.p_corrected for pair in pairs] == pytest.approx([0.02, 0.04, 0.003])
    assert [pair.corrected for pair in pairs] == ["lower", "higher", "higher"]
    found = mean_with_pairs({"base": BASE, "mixed": MIXED, "famo": BETTER, "dwa": ALIKE}, pairs, "mixed")
    assert {arm: result.corrected for arm, result in found.items()} == {
        "base": "", "mixed": "", "famo": "higher", "dwa": "lower",
    }  # fmt: skip
    assert found["famo"].p_corrected == pytest.approx(0.02)


def test_a_loss_that_is_not_finite_is_no_matter_of_chance() -> None:
    assert corrected_verdict("higher", None) == "higher"
    assert corrected_verdict("higher", 0.05) == "no difference shown"
    assert corrected_verdict("unknown", 0.9) == "unknown"
