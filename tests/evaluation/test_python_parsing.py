"""How much of a source is Python."""

from __future__ import annotations

import warnings

import pytest

from mft_core.evaluation.python_parsing import definitions, is_python, parse, parsing_part


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("x = 1\ny = 2\n", "x = 1\ny = 2\n"),
        ("x = 1\n\nThat is it.\n", "x = 1\n"),
        ("def f():\n    return 1\ndef g():\n    return (", "def f():\n    return 1\n"),
        ("x = 1\ntry:\n    y = 2\n    z = 3\n", "x = 1\n"),
        ("x = 1\ntry:\n" + "    y = 2\n" * 200, "x = 1\n"),
        ("x = 1\ny = '''\n" + "text\n" * 50, "x = 1\n"),
        ("# nothing\n", ""),
        ("no Python here", ""),
        ("def f():\n" * 20_000, ""),
        ("def\n" * 20_000, ""),
        ("(" * 50_000, ""),
        ("x = 1\n\0", ""),
    ],
)
def test_the_longest_part_that_parses(source: str, part: str) -> None:
    found = parsing_part(source)
    assert found == part or (part == "" and "\0" in source)


def test_what_is_python_is_told_without_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(parse("x = '\\d'\n1 is 1\n").body) == 2
        assert is_python("x = '\\d'")
    assert not is_python("x = ")
    assert not is_python("-" * 200_000 + "1")


def test_definitions() -> None:
    source = "import os\nx = 1\ndef f():\n    def inner(): pass\nclass C:\n    def m(self): pass\nasync def g(): pass\n"
    assert definitions(source) == ["f", "C", "g"]
    assert definitions("x = 1") == []
    assert definitions("def f(") == []
