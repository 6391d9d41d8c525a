"""Two programs in two sandboxes that talk through pipes: the candidate, and the tests that ask and judge it."""

from __future__ import annotations

import ast
import os
import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from mft_core.sandbox.execution import Program, execute
from mft_core.sandbox.outcome import Outcome
from mft_core.sandbox.streams import raised
from mft_core.sandbox.tiers import Tier

REQUESTS, REPLIES = 5, 6
"""Descriptors of both: the tests write requests, the candidate reads them and writes replies."""

MOST_SAID = 65536


def judge_pair(candidate: Program, tests: Program, tier: Tier) -> Outcome:
    """Whether a trusted program of tests, in a sandbox that the candidate cannot reach, is content with the candidate.

    The tests' last act is to write to descriptor 3 a Python literal, a pair of strings: the verdict ("pass", "fail",
    "oom", "ended": the candidate's process ended before the tests did, or "cannot_cross": the tests could not put
    their question) and why. The tests see the end of the replies only when the candidate's process has ended.

    Returns:
        The candidate's outcome with the tests' verdict; timeout, oom or output_limit of the candidate go first.
    """
    return _combine(*_run_both(candidate, tests, tier))


def _run_both(candidate: Program, tests: Program, tier: Tier) -> tuple[Outcome, Outcome]:
    """The outcomes of both; the candidate is stopped when the tests have ended."""
    with ExitStack() as stack:
        requests, replies, stop = (tuple(map(raised, os.pipe())) for _ in range(3))
        candidate = replace(candidate, descriptors={REQUESTS: requests[0], REPLIES: replies[1]})
        tests = replace(tests, descriptors={REQUESTS: requests[1], REPLIES: replies[0]})
        stack.callback(_close, stop[0], requests[1], replies[0])
        outcomes: list[Outcome | BaseException] = []

        def run_candidate() -> None:
            try:
                outcomes.append(execute(candidate, tier.name, stop[0]))
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                outcomes.append(error)
            finally:  # only now do the tests see the end of the replies
                _close(requests[0], replies[1])

        thread = threading.Thread(target=run_candidate, name="candidate")
        thread.start()
        try:
            outcome = execute(tests, tier.name)
        finally:
            _close(stop[1])
            thread.join()
        (ended,) = outcomes
        if isinstance(ended, BaseException):
            raise ended
        return ended, outcome


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _said(result: bytes) -> tuple[Any, str]:
    """The tests' last word; text of the candidate's in it, or tests that died in its middle, cannot end the judge."""
    try:
        verdict, detail = ast.literal_eval(result[:MOST_SAID].decode())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return "no_verdict", "the tests' last word cannot be read"
    return verdict, str(detail)


def _combine(candidate: Outcome, tests: Outcome) -> Outcome:
    for outcome in (candidate, tests):
        if outcome.verdict == "infra_error":
            return outcome
    if candidate.verdict in ("timeout", "oom", "output_limit"):
        return candidate
    if not tests.passed or not tests.result:
        return replace(candidate, verdict=tests.verdict if not tests.passed else "no_verdict", detail=tests.detail)
    verdict, detail = _said(tests.result)
    if verdict == "ended" and candidate.exit_code is None:  # it still ran, but broke the protocol
        verdict = "fail"
    elif verdict == "ended":
        verdict = {"pass": "no_verdict"}.get(candidate.verdict, candidate.verdict)
        detail = candidate.detail or f"{detail}; exit code {candidate.exit_code}"
    if verdict == "cannot_cross":
        verdict = "no_verdict"
    return replace(candidate, verdict=verdict, detail=detail)
