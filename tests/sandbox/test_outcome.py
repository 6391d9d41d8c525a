"""What became of a program: only one verdict is a success."""

from __future__ import annotations

from typing import get_args

import pytest

from mft_core.sandbox.outcome import Outcome, Verdict


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_only_pass_has_passed(verdict: Verdict) -> None:
    assert Outcome(verdict, exit_code=0, result=b"pass").passed == (verdict == "pass")
