"""Two programs in two sandboxes: whose end counts."""

from __future__ import annotations

import pytest

from mft_core.sandbox import Limits, Program, Tier, available_tiers, judge_pair
from mft_core.sandbox.outcome import Outcome
from mft_core.sandbox.pair import _combine

LIMITS = Limits(seconds=60.0, cpu_seconds=60)
CONTENT = Outcome("pass", 0, result=b"('pass', '')")


def program(source: str, limits: Limits = LIMITS) -> Program:
    return Program(["sh", "-c", source], {}, limits=limits)


@pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")
@pytest.mark.parametrize(
    ("candidate", "verdict"),
    [
        ("read question <&5; echo 4 >&6; sleep 60", "pass"),
        ("read question <&5; echo 5 >&6; sleep 60", "fail"),
        ("read question <&5; exit 0", "no_verdict"),
        ("read question <&5; exit 3", "fail"),
    ],
)
def test_the_tests_ask_and_judge_and_end_the_candidate(candidate: str, verdict: str, tier: Tier) -> None:
    tests = """
echo "2 + 2" >&5
if read answer <&6; then
    if [ "$answer" = 4 ]; then printf "('pass', '')" >&3; else printf "('fail', 'wrong')" >&3; fi
else
    printf "('ended', 'no answer')" >&3
fi
"""
    assert judge_pair(program(candidate), program(tests), tier).verdict == verdict


@pytest.mark.parametrize("verdict", ["timeout", "oom", "output_limit"])
def test_a_limit_of_the_candidate_goes_before_the_tests_word(verdict: str) -> None:
    assert _combine(Outcome(verdict), CONTENT).verdict == verdict  # type: ignore[arg-type]


def test_a_failure_of_either_sandbox_is_no_verdict_on_anybody() -> None:
    broken = Outcome("infra_error", detail="no memory")
    assert _combine(broken, CONTENT) is broken
    assert _combine(Outcome("pass", 0), broken) is broken


@pytest.mark.parametrize(
    ("candidate", "said", "verdict"),
    [
        (Outcome("pass", 0), b"('fail', 'wrong')", "fail"),
        (Outcome("pass", 0), b"", "no_verdict"),
        (Outcome("pass", 0), b"('cannot_cross', 'an object')", "no_verdict"),
        (Outcome("pass", 0), b"('fail', 'torn", "no_verdict"),
        (Outcome("pass", 0), b"(" * 100_000, "no_verdict"),
        (Outcome("fail", None), b"('ended', 'it broke the protocol')", "fail"),
        (Outcome("crash", 139), b"('ended', 'early')", "crash"),
    ],
)
def test_the_tests_word_is_laid_against_the_candidates_end(candidate: Outcome, said: bytes, verdict: str) -> None:
    assert _combine(candidate, Outcome("pass", 0, result=said)).verdict == verdict


def test_tests_that_do_not_come_to_their_end_pass_nobody() -> None:
    assert _combine(Outcome("pass", 0), Outcome("timeout", detail="too slow")).verdict == "timeout"
