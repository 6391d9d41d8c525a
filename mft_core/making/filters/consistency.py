"""Two solutions of one model, made independently, that agree: what a text says in one way only, both do alike.

As in self-consistency (arXiv 2203.11171) and CodeT (arXiv 2207.10397), agreement stands for a test that nobody wrote.
"""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.evaluation.code_blocks import PYTHON
from mft_core.evaluation.python_parsing import definitions
from mft_core.making.author import Author
from mft_core.making.draft import Code, Draft, Refused
from mft_core.making.filters.execution import REASONS, asked_function, limits_of
from mft_core.making.filters.filter import Filter
from mft_core.making.filters.verdicts import Verdicts
from mft_core.sandbox import Outcome, Tier
from mft_core.sandbox.python_calls import CallResult, LiteralCall, call_python, literal_call, read_results, same_result

SHOWN = 80
NAMES = ("the solution", "the second solution")


class ConsistencyFilter(Filter):
    """Leaves out solutions with which a second one disagrees; what has no second solution passes.

    An exception of the same built-in class on both sides is no disagreement; but both must return, change or print
    something for one of the inputs.

    Args:
        verdicts: keeps those of earlier runs.
        tier: where programs run.
        seconds: that each of them may take, for all inputs together.
    """

    name = "consistency"

    def __init__(self, verdicts: Verdicts, tier: Tier, *, seconds: float) -> None:
        self._verdicts = verdicts
        self._tier = tier
        self._limits = limits_of(seconds)

    def check(self, draft: Draft, author: Author) -> None:
        """See the class.

        Raises:
            Refused: they disagree, one does not run, or nothing can be compared.
            MftError: the sandbox fails again and again.
        """
        code = draft.code
        if code is None or code.language.lower() not in PYTHON or not code.other.strip():
            return
        calls = {text: call for text in code.inputs if (call := literal_call(text)) is not None}
        names = asked_function(code), _other_function(code)
        if not calls or not all(names):
            raise Refused("no input can be compared", "there is no call with literals, or no function")
        run = {
            "run": "agreement", "sources": [code.source, code.other], "functions": names, "inputs": list(calls),
            "seconds": self._limits.seconds,
        }  # fmt: skip
        ruling = self._verdicts.of(run, lambda: self._compare((code.source, code.other), names, calls))
        if ruling.verdict == "fail":
            raise Refused("two solutions differ", ruling.detail)
        if ruling.verdict == "no_verdict":
            raise Refused("no input can be compared", ruling.detail)
        if ruling.verdict != "pass":
            raise Refused(REASONS[ruling.verdict], ruling.detail)

    def _compare(self, sources: Sequence[str], names: Sequence[str], calls: dict[str, LiteralCall]) -> Outcome:
        """pass: they agree; fail: they do not; no_verdict: there is nothing to compare; else why one does not run."""
        answers = []
        for source, name, which in zip(sources, names, NAMES, strict=True):
            outcome = call_python(source, name, list(calls.values()), self._limits, tier=self._tier)
            if outcome.verdict in ("infra_error", *REASONS):
                return Outcome(outcome.verdict, detail=f"{which}: {outcome.detail}")
            answers.append(read_results(outcome.result))
            if not outcome.passed or len(answers[-1]) != len(calls):
                return Outcome("no_verdict", detail=f"{which}: {outcome.detail or 'it ends its process'}")
        pairs = list(zip(calls, *answers, strict=True))
        for text, one, other in pairs:
            if "object" not in (one.kind, other.kind) and not same_result(one, other):
                return Outcome("fail", detail=f"({text[:SHOWN]}): {_shown(one)} and {_shown(other)}")
        if not any(one.says_something() and other.says_something() for _, one, other in pairs):
            return Outcome("no_verdict", detail="no call returns a literal on both sides")
        return Outcome("pass")


def _other_function(code: Code) -> str:
    """The second solution's: of the same name if it has one."""
    defined, wanted = definitions(code.other), asked_function(code)
    return wanted if wanted in defined else (defined or [""])[-1]


def _shown(answer: CallResult) -> str:
    if answer.kind != "value":
        return str(answer.what)
    returned, changed, printed = answer.what
    shown = returned if returned is not None else changed if changed is not None else printed
    return repr(shown)[:SHOWN]
