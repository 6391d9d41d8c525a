"""Solutions that were run: they load, they pass the tests that the model wrote, and these tests notice a fault.

Tests are worth what they would refuse (mutation testing; DeMillo, Lipton and Sayward 1978): of wrong variants of the
solution, at least one must fail them.
"""

from __future__ import annotations

import math
from itertools import islice

from mft_core.evaluation.code_blocks import PYTHON
from mft_core.evaluation.mutation import mutants
from mft_core.evaluation.python_parsing import definitions, is_python
from mft_core.evaluation.python_tests import asserts, runnable_tests
from mft_core.making.author import Author
from mft_core.making.draft import Code, Draft, Refused
from mft_core.making.filters.filter import Filter
from mft_core.making.filters.verdicts import Ruling, Verdicts
from mft_core.sandbox import RESULT_DESCRIPTOR, Limits, Outcome, Tier, judge_python, run_program
from mft_core.sandbox.python_judge import python_folders, python_interpreter

LOADED = b"loaded"
LOAD = f"import solution, os; os.write({RESULT_DESCRIPTOR}, {LOADED!r})"
REASONS = {
    "timeout": "timeout", "oom": "out of memory", "output_limit": "too much output", "crash": "crash",
}  # fmt: skip
"""Of verdicts that mean the same whatever was run."""


class ExecutionFilter(Filter):
    """Leaves out Python solutions that do not load, or fail tests that can be failed. Other languages are not run.

    Args:
        verdicts: keeps those of earlier runs.
        tier: where programs run.
        seconds: that each of them may take.
        mutants: wrong variants of a solution, of which its tests must notice one; 0: they need not.
    """

    name = "execution"

    def __init__(self, verdicts: Verdicts, tier: Tier, *, seconds: float, mutants: int) -> None:
        self._verdicts = verdicts
        self._tier = tier
        self._limits = limits_of(seconds)
        self._mutants = mutants

    def check(self, draft: Draft, author: Author) -> None:
        """See the class.

        Raises:
            Refused: a program fails.
            MftError: the sandbox does, again and again.
        """
        code = draft.code
        if code is None or code.language.lower() not in PYTHON:
            return
        if not is_python(code.source):
            raise Refused("does not run", "it is no Python")
        if code.tests.strip():
            self._check_tests(code)
        else:
            self._check_loading(code.source)

    def _check_loading(self, source: str) -> None:
        ruling = self._verdicts.of(
            {"run": "load", "source": source, "seconds": self._limits.seconds}, lambda: self._load(source)
        )
        if ruling.verdict == "fail" and ruling.detail.startswith("ModuleNotFoundError"):
            raise Refused("needs a package", ruling.detail)
        if ruling.verdict != "pass":
            raise Refused(REASONS.get(ruling.verdict, "does not run"), ruling.detail)

    def _load(self, source: str) -> Outcome:
        outcome = run_program(
            [python_interpreter(), "-c", LOAD],
            {"solution.py": source},
            limits=self._limits,
            readable=python_folders(),
            tier=self._tier,
        )
        if outcome.passed and outcome.result != LOADED:
            return Outcome("no_verdict", detail="it ends its process")
        return outcome

    def _check_tests(self, code: Code) -> None:
        """The solution passes and a wrong variant does not."""
        name = asked_function(code)
        if not name:
            self._check_loading(code.source)
            raise Refused("no function to test", "the solution defines none")
        _check_that_they_assert(code.tests)
        ruling = self._test(code.source, code.tests, name)
        if ruling.verdict == "fail":
            self._check_loading(code.source)
            raise Refused("fails its tests", ruling.detail)
        if ruling.verdict != "pass":
            raise Refused(REASONS.get(ruling.verdict, "tests without a verdict"), ruling.detail)
        if name in definitions(code.source) and self._mutants:
            self._check_that_they_notice(code.source, code.tests, name)

    def _check_that_they_notice(self, source: str, tests: str, name: str) -> None:
        tried = 0
        for variant in islice(mutants(source, name, seed=name), self._mutants):
            if self._test(variant, tests, name).verdict != "pass":
                return
            tried += 1
        raise Refused("tests notice no fault", f"{tried} wrong variants of {name!r} pass them")

    def _test(self, source: str, tests: str, name: str) -> Ruling:
        run = {"run": "tests", "source": source, "tests": tests, "function": name, "seconds": self._limits.seconds}
        ready = runnable_tests(tests, name)
        return self._verdicts.of(run, lambda: judge_python(source, ready, name, self._limits, tier=self._tier))


def limits_of(seconds: float) -> Limits:
    """Those of a program that may take so long."""
    return Limits(seconds=seconds, cpu_seconds=math.ceil(seconds))


def asked_function(code: Code) -> str:
    """The function that is asked for, or the class; else the last that the solution defines; "": it defines none."""
    return code.function or (definitions(code.source) or [""])[-1]


def _check_that_they_assert(tests: str) -> None:
    if not is_python(tests):
        raise Refused("tests are no Python")
    if not asserts(tests):
        raise Refused("tests assert nothing")
