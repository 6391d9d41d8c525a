"""How a program of DS-1000 is judged: run in one sandbox, tested in another, plain data between them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mft_core.errors import MftError
from mft_core.sandbox import Limits, Outcome, Tier, judge_with_nonce, run_program
from mft_evaluators.ds1000_environment import Environment
from mft_evaluators.ds1000_files import packing, results_in

INSIDE = Path(__file__).with_name("ds1000_inside")
Files = dict[str, bytes | str]
BLANK = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636000000002000148afa4710000000049454e44ae4260"
    "82"
)
"""A picture of one pixel in the place of the right one, which is compared out of the program's reach."""


@dataclass(frozen=True)
class Problem:
    """A problem and a program for it.

    Attributes:
        program: the published code with the completion put in; it writes result/result_N.pkl.
        completion: what was put in, for tests of words.
        test: the published functions `test(result, ans)` and, it may be, `stringTest(code)`.
        inputs: pickles by test case, which the program reads.
        answers: pickles by test case, which the program never sees.
        picture: the right plot; b"": there is none.
    """

    program: str
    completion: str
    test: str
    inputs: Mapping[str, bytes]
    answers: Mapping[str, bytes]
    picture: bytes = b""


@dataclass(frozen=True)
class Judging:
    """Where and within which limits programs and tests run."""

    environment: Environment
    limits: Limits
    tier: Tier

    def results(self, problem: Problem, *, pickles: bool = False) -> Outcome:
        """The published test on what the program leaves.

        Args:
            problem: not of a plot.
            pickles: open what it leaves as pickles, beside the tests; it can then run code there.
        """
        cases = list(problem.inputs)
        python, left = '"$0"', [f"result/result_{case}.pkl" for case in cases]
        steps = [f"{python} main.py --test_case {case}" for case in cases]
        if not pickles:
            steps.append(f"{python} to_plain.py {' '.join(left)}")
            left = [path.replace(".pkl", ".json") for path in left]
        command = ["sh", "-c", " && ".join(steps) + packing(left), self.environment.command]
        outcome = self._start(command, {**_given(problem), "to_plain.py": _inside("to_plain.py")})
        if not outcome.passed:
            return outcome
        found = results_in(outcome.result, cases)
        if missing := [case for case in cases if case not in found]:
            return replace(outcome, verdict="fail", detail=f"no result for test case {missing[0]}")
        files: Files = {name: _inside(name) for name in ("parser.py", "from_plain.py", "pickled.py")}
        files |= {"test.txt": problem.test, "code.txt": problem.completion}
        files |= {f"result_{case}": found[case] for case in cases}
        files |= {f"ans_{case}.pkl": problem.answers[case] for case in cases}
        return self._test(["pickles" if pickles else "plain", *cases], files)

    def plot(self, problem: Problem) -> Outcome:
        """Right where the published assertions on the figure hold, in the program's process, or the picture is the
        published one."""
        nonce = secrets.token_hex(16).encode()
        files: Files = {"guard.py": _inside("guard.py"), "ans/oracle_plot.png": BLANK, **_given(problem)}
        outcome = self._start([self.environment.command, "guard.py"], files, private=nonce + b"\n")
        said, _, picture = outcome.result.partition(b"\n")
        if outcome.passed and secrets.compare_digest(said, nonce):
            return outcome
        if outcome.verdict in ("pass", "fail") and picture and problem.picture:
            return self._test(["image"], {"plot.png": picture, "oracle.png": problem.picture})
        return replace(outcome, verdict="fail", detail="it left no result") if outcome.passed else outcome

    def without_plain_form(self, answers: Sequence[bytes]) -> list[str]:
        """For each published answer, a pickle, why it has no plain form or cannot be opened; "": it has one.

        Raises:
            MftError: they could not be looked at.
        """
        files: Files = {name: _inside(name) for name in ("to_plain.py", "plain_answers.py")}
        packed = b"".join(b"%d\n%b" % (len(answer), answer) for answer in answers)
        outcome = self._start([self.environment.command, "plain_answers.py"], files, packed)
        if not outcome.passed:
            raise MftError(f"ds1000: the answers could not be looked at: {outcome.verdict} {outcome.detail}")
        return json.loads(outcome.result)

    def _start(
        self, command: Sequence[str], files: Mapping[str, bytes | str], stdin: bytes = b"", private: bytes | None = None
    ) -> Outcome:
        here = self.environment
        return run_program(
            command,
            files,
            stdin,
            self.limits,
            here.variables,
            readable=here.readable,
            private=private,
            tier=self.tier,
        )

    def _test(self, words: Sequence[str], files: Files) -> Outcome:
        here = self.environment
        return judge_with_nonce(
            [here.command, "compare.py", *words],
            {**files, "compare.py": _inside("compare.py")},
            limits=self.limits,
            environment=here.variables,
            readable=here.readable,
            tier=self.tier,
        )


def _given(problem: Problem) -> Files:
    """The files that a program reads, and the folder that it writes to."""
    inputs = {f"input/input{case}.pkl": content for case, content in problem.inputs.items()}
    return {"main.py": problem.program, **inputs, "result/.keep": ""}


def _inside(name: str) -> str:
    return (INSIDE / name).read_text(encoding="utf-8")
