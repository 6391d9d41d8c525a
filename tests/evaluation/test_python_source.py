"""The code in an answer."""

from __future__ import annotations

import pytest

from helpers import small_sets
from mft_core.evaluation.python_source import extract_code, is_python

FUNCTION = "import math\n\ndef area(r):\n    return math.pi * r ** 2\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Here you are:\n```python\n{FUNCTION}```\nIt works.", FUNCTION),
        (f"```\n{FUNCTION}```", FUNCTION),
        (f"Sure!\n\n```python\n{FUNCTION}", FUNCTION),
        (f"~~~py\n{FUNCTION}~~~", FUNCTION),
        (f"First:\n```python\ndef area(r):\n    pass\n```\nBetter:\n```python\n{FUNCTION}```", FUNCTION),
        (f"```python\n{FUNCTION}```\nUse it:\n```python\nprint(area(2))\n```\n```bash\npip install x\n```", FUNCTION),
        (f"The code is\n\n{FUNCTION}\nand that is it, isn't it?", FUNCTION),
        (f"```python\n{FUNCTION}\nprint(area(2))\nif __name__ == '__main__':\n    area(1)\n```", FUNCTION),
        (f"```python\n{FUNCTION}\ndef cut_off(x):\n    return (", FUNCTION),
    ],
)
def test_the_code_in_an_answer(text: str, expected: str) -> None:
    found = extract_code(text, "area")
    assert is_python(found)
    assert [line for line in found.splitlines() if line] == [line for line in expected.splitlines() if line]


def test_decorators_classes_and_constants_stay() -> None:
    source = "from functools import cache\nLIMIT = 3\nclass A:\n    x = 1\n@cache\ndef area(r):\n    return LIMIT\n"
    assert extract_code(f"```python\n{source}```", "area") == source


def test_an_answer_without_code_is_kept() -> None:
    assert extract_code("I cannot do that.", "area") == "I cannot do that."
    body = "    return 3\n"
    assert extract_code(f"```python\n{body}```", "area") == body


def test_the_small_sets_are_python() -> None:
    assert all(is_python(row["prompt"] + row["canonical_solution"]) for row in small_sets.HUMANEVAL)
