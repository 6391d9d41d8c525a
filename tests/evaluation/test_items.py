"""Verdicts that count, and those that are tried again."""

from __future__ import annotations

import pytest

from mft_core.evaluation.items import NOT_MEASURED, Verdict


@pytest.mark.parametrize(("passed", "outcome", "score"), [(True, "pass", 1.0), (False, "fail", 0.0)])
def test_passing_is_a_score(passed: bool, outcome: str, score: float) -> None:
    assert Verdict.of(passed, "why") == Verdict(outcome, score, "why")
    assert Verdict.of(passed).final


def test_what_judging_again_might_change_is_not_final() -> None:
    assert Verdict(NOT_MEASURED, None).final
    assert not Verdict("infra_error", None).final
