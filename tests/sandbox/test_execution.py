"""How programs end."""

from __future__ import annotations

import pytest

from mft_core.sandbox import Limits, Tier, available_tiers, run_program

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")]
MEBIBYTE = 2**20
GENEROUS = Limits(seconds=60.0, cpu_seconds=60)


@pytest.mark.parametrize(
    ("source", "limits", "verdict"),
    [
        ("import time\ntime.sleep(600)", Limits(seconds=1.0), "timeout"),
        ("while True: pass", Limits(seconds=60.0, cpu_seconds=1), "timeout"),
        ("print('x' * 10**5)", Limits(seconds=60.0, output_bytes=1000), "output_limit"),
        ("open('f', 'wb').write(b'x' * 10**5)", Limits(seconds=60.0, file_bytes=10**4), "fail or output_limit"),
        ("a = [b'x' * 10**8 for _ in range(9)]", Limits(seconds=60.0, memory_bytes=300 * MEBIBYTE), "oom"),
        ("import os\nos.abort()", GENEROUS, "crash"),
        ("raise SystemExit(3)", GENEROUS, "fail"),
        ("raise SystemExit(0)", GENEROUS, "pass"),
    ],
)
def test_verdicts(source: str, limits: Limits, verdict: str, tier: Tier) -> None:
    outcome = run_program(["python3", "main.py"], {"main.py": source}, limits=limits, tier=tier)
    assert outcome.verdict in verdict.split(" or "), outcome
