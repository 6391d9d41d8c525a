"""Runs and judges untrusted programs.

    outcome = run_program(["python3", "main.py"], files={"main.py": source}, limits=Limits(seconds=5))
    outcome = judge_python(candidate_source, tests_source, entry_point="add", helpers_source="import math")
    outcome = judge_with_nonce(["./tests"], files={"tests": binary})
    outcomes = judge_many([lambda: judge_python(...), ...], workers=2)     # in order; infra errors are retried

- `run_program` runs a command in the strongest sandbox of this machine (`best_tier`): bubblewrap, or Landlock + seccomp
  + another user, or, only where the caller passes `unsafe_local=True` to `best_tier`, nothing but limits. Otherwise it
  raises `MftError`. The program starts in a folder of its own that holds `files` (relative names, also of commands in
  it); it sees no other file of the host than the system's software and the `readable` paths, no environment but
  `environment`, no network. `verdict == "pass"` of `run_program` means no more than exit code 0.
- Descriptor `RESULT_DESCRIPTOR` (3) is open for writing in every run: what is written there is `Outcome.result`. A
  compiler's sandbox hands its binary to the tests' sandbox this way: `["sh", "-c", "g++ -o t t.cc && cat t >&3"]`.
- Descriptor `PRIVATE_DESCRIPTOR` (4) is open for reading where `private` is given.
- `judge_python` is the split judge: the candidate and the tests run in two sandboxes, and only literal values cross.
- `judge_with_nonce` is for tests that must share the candidate's process; a candidate that looks for the nonce there is
  not stopped. The tests' main program reads a nonce from descriptor 4 before it runs anything of the candidate, closes
  it, and writes it to descriptor 3 after the last assertion. pass = that nonce and exit code 0. Compile in a run of its
  own, or the compiler could be told to include the nonce.
- `judge_pair` is the split judge for any language: two `Program`s in two sandboxes, with pipes between them.
- `sqlite.run_query` runs untrusted SQL on a database that it cannot change, in bounded time and memory.

See docs/sandbox.md for what is isolated and what is not.
"""

from __future__ import annotations

from mft_core.sandbox.execution import Program
from mft_core.sandbox.limits import Limits
from mft_core.sandbox.many import judge_many
from mft_core.sandbox.nonce import judge_with_nonce
from mft_core.sandbox.outcome import Outcome, Verdict
from mft_core.sandbox.pair import judge_pair
from mft_core.sandbox.program import PRIVATE_DESCRIPTOR, RESULT_DESCRIPTOR, installed, run_program
from mft_core.sandbox.python_judge import judge_python
from mft_core.sandbox.tiers import Tier, available_tiers, best_tier

__all__ = [
    "PRIVATE_DESCRIPTOR",
    "RESULT_DESCRIPTOR",
    "Limits",
    "Outcome",
    "Program",
    "Tier",
    "Verdict",
    "available_tiers",
    "best_tier",
    "installed",
    "judge_many",
    "judge_pair",
    "judge_python",
    "judge_with_nonce",
    "run_program",
]
