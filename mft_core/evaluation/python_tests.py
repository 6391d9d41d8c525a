"""Tests that a model wrote for a Python function, made ready for `mft_core.sandbox.judge_python`."""

from __future__ import annotations

import ast
import re

from mft_core.evaluation.python_parsing import parse

RUN_TESTS = """
for _name, _test in list(globals().items()):
    if _name.startswith("test") and _name != {function!r} and callable(_test):
        _test()
"""


def runnable_tests(tests: str, name: str) -> str:
    """Tests that neither define nor import the function, and run what is called test...; as they are if no Python.

    Args:
        tests: a module, with assertions at its top level or in functions.
        name: of the function.
    """
    run = RUN_TESTS.format(function=name)
    try:
        tree = parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return tests + run
    lines = tests.splitlines()
    for node in tree.body:
        defines = getattr(node, "name", "") == name
        imports = re.match(rf"from \S+ import .*\b{name}\b", lines[node.lineno - 1])
        if defines or imports:
            start = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
            lines[start - 1 : node.end_lineno] = [""] * ((node.end_lineno or start) - start + 1)
    return "\n".join(lines) + run


def asserts(tests: str) -> bool:
    """Whether there is an assertion in them.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: they are no Python.
    """
    return any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(parse(tests)))
