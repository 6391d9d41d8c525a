from __future__ import annotations

import ast
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from mft_core.support.foreign_source import no_warnings

WARNED_OF = r"x = '\d' is '\d'"


def read() -> int:
    with no_warnings():
        return len(ast.parse(WARNED_OF).body)


def read_often(_: int) -> set[int]:
    return {read() for _ in range(500)}


def test_nothing_is_said_of_source_that_python_warns_of() -> None:
    with pytest.raises(SyntaxError):  # warnings are errors in these tests
        ast.parse(WARNED_OF)
    assert read() == 1


def test_many_threads_leave_the_filters_as_they_were() -> None:
    before, interval = list(warnings.filters), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(read_often, range(8))) == [{1}] * 8
    finally:
        sys.setswitchinterval(interval)
    assert list(warnings.filters) == before
