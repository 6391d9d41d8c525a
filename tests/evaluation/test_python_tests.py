from __future__ import annotations

from typing import Any

import pytest

from mft_core.evaluation.python_tests import asserts, runnable_tests


def ran(tests: str, **names: Any) -> dict[str, Any]:
    names |= {"calls": []}
    exec(runnable_tests(tests, "f"), names)
    return names


def test_functions_that_are_called_test_are_run() -> None:
    assert ran("def test_one():\n    calls.append(1)\ndef check():\n    calls.append(2)")["calls"] == [1]
    exec(runnable_tests("assert test_f(1) == 1", "test_f"), {"test_f": lambda n: n})
    with pytest.raises(AssertionError):
        ran("def test_one():\n    assert f() == 2", f=lambda: 1)


def test_the_function_is_neither_defined_nor_imported() -> None:
    def f() -> int:
        return 1

    assert ran("import math\ndef f():\n    return 2\ncalls.append(f())", f=f)["calls"] == [1]
    assert ran("from solution import f\ncalls.append(f())", f=f)["calls"] == [1]
    assert ran("from math import floor\ncalls.append(floor(1.5))", f=f)["calls"] == [1]
    assert "@cache" not in runnable_tests("@cache\ndef f():\n    return 2", "f")


def test_what_is_no_python_stays_as_it_is() -> None:
    assert runnable_tests("assert f(", "f").startswith("assert f(")


def test_assertions_are_found_wherever_they_are() -> None:
    assert asserts("assert f() == 1")
    assert asserts("def test():\n    for n in range(3):\n        assert f(n)")
    assert asserts("if f() != 1:\n    raise AssertionError")
    assert not asserts("print(f())  # assert")
    with pytest.raises(SyntaxError):
        asserts("assert f(")
