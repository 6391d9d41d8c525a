"""What became of an untrusted program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "fail", "timeout", "oom", "output_limit", "crash", "no_verdict", "infra_error"]


@dataclass(frozen=True)
class Outcome:
    """The end of one run.

    Attributes:
        verdict: pass (exit code 0; for a judge: every test held), fail, timeout, oom, output_limit (too much
            output, or too many or too large files), crash (ended by a signal), no_verdict (exit code 0, but the
            tests never said that they held) or infra_error (the sandbox itself failed: try again, never score).
        exit_code: as a shell shows it: 128 + n when ended by signal n; None when it never started or was stopped.
        stdout, stderr: what it printed, at most `Limits.output_bytes` each.
        result: what it wrote to the result descriptor (`RESULT_DESCRIPTOR`).
        seconds: wall-clock time with the start of the sandbox.
        detail: one line for people: what was exceeded, or which assertion failed.
    """

    verdict: Verdict
    exit_code: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    result: bytes = b""
    seconds: float = 0.0
    detail: str = ""

    @property
    def passed(self) -> bool:
        return self.verdict == "pass"
