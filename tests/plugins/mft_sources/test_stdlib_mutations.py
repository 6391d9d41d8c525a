"""One mistake in a function."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from mft_sources.stdlib.definitions import Definition, find_definitions
from mft_sources.stdlib.mutations import KINDS, Text, mutate


def definition(source: str, module: str = "sample") -> Definition:
    return next(iter(find_definitions(module, source, Counter())))


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("return [a < 100]", "return [a <= 100]"),
        ("return [a is None]", "return [a is not None]"),
        ("return [a not in text]", "return [a in text]"),
        ("return [a and b]", "return [a or b]"),
        ("return [not a]", "return [a]"),
        ("return True", "return False"),
        ("return a.find(b)", "return a.rfind(b)"),
        ("return call('ü', b)", "return call(b, 'ü')"),
        ("return [ 'ü' ] + [ 'x' ]", None),
        ("return [('ü', (a) > (100))]", "return [('ü', (a) >= (100))]"),
        ("return abs(a)", None),
    ],
)
def test_one_mistake_in_place(line: str, broken: str | None) -> None:
    function = definition(f'def f(a, b, text):\n    """A docstring."""\n    # A comment ü\n    {line}\n')
    expected = None if broken is None else function.source.replace(line, broken)
    assert mutate(function) == expected


def test_off_by_one_and_wrong_name() -> None:
    source = "def f(a):\n    first = a[2:]\n    second = first\n    return first"
    function = definition(source)
    found = {kind: {mutated(function, edit) for node in ast.walk(function.node) for edit in find(node, Text(source))}
             for kind, find in KINDS.items()}  # fmt: skip
    assert found["off by one"] == {source.replace("2", "1"), source.replace("2", "3")}
    assert sum(map(len, found.values())) == 2
    assert mutate(function) in {*found["off by one"], source.replace("return first", "return second")}


def mutated(function: Definition, edit: tuple[int, int, str]) -> str:
    start, end, text = edit
    return function.source[:start] + text + function.source[end:]
