from __future__ import annotations

from typing import Any

import pytest

from mft_core.sandbox import Limits, Tier
from mft_core.sandbox.inside.crossing import encode
from mft_core.sandbox.python_calls import (
    CallResult,
    LiteralCall,
    call_python,
    literal_call,
    read_results,
    same_result,
    same_value,
)

SOURCE = """
import sys

class TooSmall(ValueError):
    pass

def f(values, *, more=0):
    if values == "print":
        print("printed")
        return None
    if values == "exit":
        sys.exit(3)
    if values == "raise":
        raise TooSmall("it is")
    if values == "object":
        return object()
    if values == "generator":
        return (number for number in range(3))
    if isinstance(values, list):
        values.append(more)
        return None
    return (values, {"a": {1.5}}, 10**30, more)
"""


def asked(*arguments: str) -> list[LiteralCall]:
    calls = [literal_call(text) for text in arguments]
    assert None not in calls
    return [call for call in calls if call is not None]


def test_what_comes_of_calls(tier: Tier) -> None:
    calls = asked("7", "[1], more=2", "'print'", "'exit'", "'raise'", "'object'", "'generator'", "[1]", "1, 2")
    outcome = call_python(SOURCE, "f", calls, tier=tier)
    assert outcome.passed, outcome
    seven = {"tuple": [7, {"dict": [["a", {"set": [1.5]}]]}, {"int": hex(10**30)}, 0]}
    assert read_results(outcome.result) == [
        CallResult("value", [seven, None, ""]),
        CallResult("value", [None, [[1, 2]], ""]),
        CallResult("value", [None, None, "printed\n"]),
        CallResult("raised", "SystemExit"),
        CallResult("raised", "ValueError"),
        CallResult("object", "object"),
        CallResult("value", [[0, 1, 2], None, ""]),
        CallResult("value", [None, [[1, 0]], ""]),
        CallResult("raised", "TypeError"),
    ]
    said = [answer.says_something() for answer in read_results(outcome.result)]
    assert said == [True, True, True, False, False, False, True, True, False]


def test_a_module_that_fails_or_hangs_is_told(tier: Tier) -> None:
    assert call_python("1 / 0", "f", asked("1"), tier=tier).verdict == "fail"
    assert call_python("x = 1", "f", asked("1"), tier=tier).verdict == "fail"
    endless = call_python("def f(n):\n    while True: pass", "f", asked("1"), Limits(seconds=1.0), tier=tier)
    assert endless.verdict == "timeout"


def test_what_a_hostile_module_writes_is_no_answer(tier: Tier) -> None:
    liar = 'import os\nos.write(3, b\'[["value", 1, None, ""]\')\nos._exit(0)'
    assert read_results(call_python(liar, "f", asked("1"), tier=tier).result) == []
    for written in (b"", b"1", b"[1]", b"[['value', 1]]", b"[['raised']]", b"__import__('os')", b"\xff", b"(" * 9999):
        assert read_results(written) == [], written


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ("", LiteralCall([], {})),
        ("1, 'a'", LiteralCall(["1", "'a'"], {})),
        ("[1, (2,)], key={'a': {3}}", LiteralCall(["[1, (2,)]"], {"key": "{'a': {3}}"})),
        ("-1.5, None, b'x', True", LiteralCall(["-1.5", "None", "b'x'", "True"], {})),
        ("'\\d'", LiteralCall(["'\\\\d'"], {})),
        ("1e999", LiteralCall(["1e309"], {})),
        ("open('x')", None),
        ("n", None),
        ("*[1]", None),
        ("**{'a': 1}", None),
        ("1) or f(2", None),
        ("1) #", None),
        ("1); f(2", None),
        ("[i for i in (1, 2)]", None),
        ("1,,", None),
    ],
)
def test_only_literals_are_arguments(arguments: str, call: LiteralCall | None) -> None:
    assert literal_call(arguments) == call


def form(value: Any) -> Any:
    return encode(value, lambda _: {"object": [0, "object"]})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1, True),
        (1, 2, False),
        (2, 2.0, True),
        (True, 1, True),
        (0.1 + 0.2, 0.3, True),
        (0.1 + 0.2 - 0.3, 0, True),
        (1.0, 1.00000001, False),
        (1e20, 10**20, True),
        (10**400, 1.0, False),
        (10**30, 10**30 + 1, False),
        (float("nan"), float("nan"), True),
        (float("inf"), float("inf"), True),
        (float("inf"), float("-inf"), False),
        ("1", 1, False),
        ("a", b"a", False),
        ("a", "a", True),
        (None, None, True),
        (None, 0, False),
        ([1, 2.0], [1.0, 2], True),
        ([1, 2], [2, 1], False),
        ([1, 2], (1, 2), False),
        ([1], [1, 1], False),
        ({1, 2, 3}, {3, 2, 1}, True),
        ({1, 2}, frozenset({1, 2}), True),
        ({1, 2}, {1, 3}, False),
        ({0.1 + 0.2, 0.4}, {0.4, 0.3}, True),
        ({"a": 1, "b": [0.3]}, {"b": [0.1 + 0.2], "a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"b": 1}, False),
        (range(3), range(3), True),
        (1j, 1j + 1e-15, True),
        ([[[]]], [[[]]], True),
    ],
)
def test_equal_values(one: object, other: object, same: bool) -> None:
    assert same_value(form(one), form(other)) == same
    assert same_value(form(other), form(one)) == same


def test_the_same_results() -> None:
    nothing, printed = CallResult("value", [None, None, ""]), CallResult("value", [None, None, "x"])
    assert same_result(CallResult("value", [1, None, "x"]), CallResult("value", [1.0, [[2]], ""]))
    assert not same_result(CallResult("value", [1, None, ""]), CallResult("value", [2, None, ""]))
    assert not same_result(nothing, printed)
    assert not same_result(nothing, CallResult("value", [None, [[1]], ""]))
    assert same_result(CallResult("raised", "ValueError"), CallResult("raised", "ValueError"))
    assert not same_result(CallResult("raised", "ValueError"), CallResult("raised", "TypeError"))
    assert not same_result(CallResult("raised", "ValueError"), nothing)
