"""The judge with a secret."""

from __future__ import annotations

import shutil

import pytest

from mft_core.sandbox import Limits, Tier, available_tiers, judge_with_nonce, run_program

pytestmark = pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")
GENEROUS = Limits(seconds=60.0, cpu_seconds=60)


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_compiled_program_and_its_nonce(tier: Tier) -> None:
    """The compiler runs without the nonce; a candidate that leaves early has not passed."""
    main = """
#include <unistd.h>
#include <stdlib.h>
int twice(int x) {
    switch (getenv("WAY")[0]) { case 'e': exit(0); case 'a': abort(); case 'w': return x; default: return 2 * x; }
}
int main() {
    char nonce[64];
    long n = read(4, nonce, 64);
    close(4);
    if (twice(2) != 4) return 1;
    return write(3, nonce, n) != n;
}
"""
    compiled = run_program(
        ["sh", "-c", "g++ -o tests tests.cc && cat tests >&3"], {"tests.cc": main}, limits=GENEROUS, tier=tier
    )
    assert compiled.passed, compiled
    for way, verdict in {"right": "pass", "wrong": "fail", "exit": "no_verdict", "abort": "crash"}.items():
        outcome = judge_with_nonce(
            ["./tests"], {"tests": compiled.result}, environment={"WAY": way}, limits=GENEROUS, tier=tier
        )
        assert outcome.verdict == verdict, outcome
