"""The judge for tests that must run in the candidate's process: a secret, told after the last assertion."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mft_core.sandbox.limits import Limits
from mft_core.sandbox.outcome import Outcome
from mft_core.sandbox.program import run_program
from mft_core.sandbox.tiers import Tier


def judge_with_nonce(
    command: Sequence[str],
    files: Mapping[str, bytes | str] | None = None,
    *,
    limits: Limits | None = None,
    environment: Mapping[str, str] | None = None,
    readable: Sequence[str | Path] = (),
    tier: Tier | None = None,
) -> Outcome:
    """Runs a test program that has to prove that it came to its end.

    The program's trusted part reads one line, the nonce, from `PRIVATE_DESCRIPTOR` before any code of the candidate
    runs, closes the descriptor, keeps the nonce where the candidate's code has no name for it, and writes it to
    `RESULT_DESCRIPTOR` after the last assertion. So exit(0), a printed success, disabled assertions that skip the end
    or an overridden `console.assert` gain nothing. Code in the same process that searches the memory for the
    nonce is not stopped: where the tests can run in a process of their own, as in `judge_python`, they should.

    Returns:
        "pass" on the nonce and exit code 0; "no_verdict" on exit code 0 without the nonce; otherwise as `run_program`.
    """
    nonce = secrets.token_hex(16).encode()
    outcome = run_program(
        command,
        files,
        limits=limits,
        environment=environment,
        readable=readable,
        private=nonce + b"\n",
        tier=tier,
    )
    if not outcome.passed or secrets.compare_digest(outcome.result.strip(), nonce):
        return outcome
    return replace(outcome, verdict="no_verdict", detail="the program ended before its last assertion")
