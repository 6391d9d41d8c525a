"""Judging many."""

from __future__ import annotations

import pytest

from mft_core.sandbox import Outcome, available_tiers, judge_many

pytestmark = pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")


def test_infra_errors_are_tried_again_and_order_is_kept() -> None:
    tries: list[int] = []

    def shaky() -> Outcome:
        tries.append(1)
        return Outcome("infra_error" if len(tries) < 3 else "pass")

    outcomes = list(judge_many([shaky, lambda: Outcome("fail"), lambda: Outcome("infra_error")], workers=2))
    assert [outcome.verdict for outcome in outcomes] == ["pass", "fail", "infra_error"]
