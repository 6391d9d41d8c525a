"""Results of calls of an untrusted function, as literals that can be compared."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from mft_core.sandbox.execution import execute
from mft_core.sandbox.limits import Limits
from mft_core.sandbox.outcome import Outcome
from mft_core.sandbox.python_judge import inside_program
from mft_core.sandbox.tiers import Tier, best_tier
from mft_core.support.foreign_source import no_warnings

RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""How far equal floats may be apart."""
MOST_UNSORTED = 200
UNORDERED = ("set", "frozenset")


class LiteralCall(NamedTuple):
    """Arguments of a call, each the text of a literal: of position, and by name."""

    positional: list[str]
    named: dict[str, str]


class CallResult(NamedTuple):
    """What came of a call of a function.

    Attributes:
        kind: "value", "raised" or "object" (the result is no literal).
        what: of a value: a list of its form (`inside.crossing`), those of the positional arguments if the call has
            changed them (else None), and what was printed; else the name of a class.
    """

    kind: str
    what: Any

    def says_something(self) -> bool:
        """Whether the call returned, changed or printed something."""
        return self.kind == "value" and (self.what[0] is not None or self.what[1] is not None or self.what[2] != "")


def literal_call(arguments: str) -> LiteralCall | None:
    """The call with these arguments, as in its brackets: "[1, 2], key=3"; None: they are no literals."""
    try:
        with no_warnings():
            (statement,) = ast.parse(f"f({arguments}\n)").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return None
    try:
        positional, named = list(map(_literal, call.args)), {}
        for keyword in call.keywords:
            named[keyword.arg or ""] = _literal(keyword.value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return None if "" in named else LiteralCall(positional, named)


def call_python(
    source: str, function: str, calls: Sequence[LiteralCall], limits: Limits | None = None, *, tier: Tier | None = None
) -> Outcome:
    """Calls a function of an untrusted module, all times in one process; `Outcome.result` is for `read_results`.

    Args:
        source: the module.
        function: a global name of it.
        calls: made in order, each with new arguments.
        limits: for all of them together, with the start of the process.
        tier: where to run; `best_tier()` when not given.

    Returns:
        "pass" if all calls came to an end; "fail" if the module raises or has no such function; the other verdicts as
        in `Outcome`.

    Raises:
        MftError: no Python that a sandbox's user can read; no tier isolates on this machine.
    """
    job = {"function": function, "calls": [tuple(call) for call in calls]}
    files = {"candidate.py": source, "calls.txt": ascii(job)}
    program = inside_program(["calls_side", "crossing"], files, [], limits or Limits(), [])
    return execute(program, (tier or best_tier()).name)


def read_results(result: bytes) -> list[CallResult]:
    """One for each call; none where the process wrote something else.

    Only literals are read, and nothing is built of them: a form may describe a number that takes days to compute.
    """
    try:
        with no_warnings():
            said = ast.literal_eval(result.decode())
        answers = [CallResult(kind, what if kind == "value" else what[0]) for kind, *what in said]
    except (ValueError, SyntaxError, TypeError, IndexError, MemoryError, RecursionError):
        return []
    return answers if all(one.kind != "value" or len(one.what) == 3 for one in answers) else []


def same_result(one: CallResult, other: CallResult) -> bool:
    """Whether two functions did the same: returned equal values, or raised the same class.

    Where both return nothing, what they did to their arguments counts, and what they printed.
    """
    if one.kind != "value" or other.kind != "value":
        return one.kind == other.kind and one.what == other.what
    if one.what[0] is None and other.what[0] is None:
        return same_value(one.what[1], other.what[1]) and one.what[2] == other.what[2]
    return same_value(one.what[0], other.what[0])


def same_value(one: Any, other: Any) -> bool:
    """Whether two forms say equal values: as Python compares them, but for floats that hardly differ."""
    first, second = _number(one), _number(other)
    if first is not None and second is not None:
        return _same_number(first, second)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, dict) and isinstance(other, dict) and len(one) == len(other) == 1:
        ((kind, inner),), ((other_kind, other_inner),) = one.items(), other.items()
        unordered = kind in UNORDERED and other_kind in UNORDERED
        if unordered or kind == other_kind == "dict":
            return _same_without_order(inner, other_inner)
        return kind == other_kind and same_value(inner, other_inner)
    return type(one) is type(other) and one == other


def _same_without_order(one: Any, other: Any) -> bool:
    if not isinstance(one, list) or not isinstance(other, list) or len(one) != len(other):
        return False
    left = sorted(other, key=repr)
    if all(map(same_value, sorted(one, key=repr), left)):
        return True
    if len(left) > MOST_UNSORTED:
        return False
    for item in one:  # floats that hardly differ may be sorted otherwise
        place = next((place for place, candidate in enumerate(left) if same_value(item, candidate)), None)
        if place is None:
            return False
        del left[place]
    return True


def _number(form: Any) -> int | float | None:
    """None: it is no real number."""
    if isinstance(form, dict) and len(form) == 1:
        ((kind, text),) = form.items()
        try:
            return int(text, 16) if kind == "int" else float(text) if kind == "float" else None
        except (ValueError, TypeError):
            return None
    return form if isinstance(form, int | float) else None


def _same_number(one: int | float, other: int | float) -> bool:
    if one == other or (isinstance(one, int) and isinstance(other, int)):
        return one == other
    try:
        return (one != one and other != other) or math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    except OverflowError:  # an integer beyond all floats
        return False


def _literal(node: ast.expr) -> str:
    """The text of a literal.

    Raises:
        ValueError, TypeError, ...: it is none.
    """
    ast.literal_eval(node)
    return ast.unparse(node)
