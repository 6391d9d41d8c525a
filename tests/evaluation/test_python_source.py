"""The code in an answer."""

from __future__ import annotations

import pytest

from helpers import small_sets
from mft_core.evaluation.python_parsing import is_python
from mft_core.evaluation.python_source import extract_code

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


def fenced(*blocks: str) -> str:
    return "\nThen:\n".join(f"```python\n{block}```" for block in blocks)


AREA = "def area(r):\n    return r\n"


@pytest.mark.parametrize(
    "program",
    [
        "import sys\nsys.setrecursionlimit(100_000)\n" + AREA,
        "SIEVE = [1] * 9\nfor i in range(9):\n    SIEVE[i] = 0\n" + AREA,
        "table = []\n[table.append(i) for i in range(9)]\n" + AREA,
        "try:\n    from math import pi\nexcept ImportError:\n    pi = 3\n" + AREA,
        "import sys\nif sys.version_info > (3,):\n    unicode = str\n" + AREA,
        "with open('/dev/null') as stream:\n    WORDS = stream.read()\n" + AREA,
        "a, b = 1, 2\na += 1; b += 1\n" + AREA,
        AREA + "area.cache = {}\n",
        AREA + "TABLE = [area(i) for i in range(9)]\ndef looked_up(r):\n    return TABLE[r]\n",
        "from decimal import getcontext\ngetcontext().prec = 50\n" + AREA,
        "del_me = 1\ndel del_me\nglobal_thing: int = 3\n" + AREA,
    ],
)
def test_what_a_program_needs_stays(program: str) -> None:
    assert extract_code(fenced(program), "area") == program


@pytest.mark.parametrize(
    "example",
    [
        "print(area(2))\n",
        "assert area(2) == 2\n",
        "area(2)\n",
        "area(2) == 4\n",
        "result = area(2)\nprint(result)\n",
        "for r in range(3):\n    print(r, area(r))\n",
        "for r in range(3):\n    found = area(r)\n    if found:\n        print(found)\n",
        "while True:\n    radius = float(input())\n    print(area(radius))\n",
        "try:\n    print(area('x'))\nexcept TypeError:\n    print('no')\n",
        "if '__main__' == __name__:\n    raise SystemExit\n",
        "def main():\n    print(area(int(input())))\nmain()\n",
        "import doctest\ndoctest.testmod()\n",
        "import unittest\nunittest.main()\n",
        "radius = int(input())\n",
    ],
)
def test_examples_are_left_out(example: str) -> None:
    left = extract_code(fenced(AREA + example), "area")
    names: dict[str, object] = {"__name__": "candidate"}
    exec(left, names)
    assert names["area"](2) == 2
    assert not {"print(area(2))", "assert", "doctest.testmod()", "unittest.main()", "result"} & set(left.split("\n"))
    assert "result" not in left


def test_helpers_of_other_blocks_come_along() -> None:
    helper, area = "def half(r):\n    return r / 2\n", "def area(r):\n    return half(r)\n"
    assert extract_code(fenced(helper, area), "area") == f"{helper}\n{area}"
    assert extract_code(fenced(area, helper), "area") == f"{area}\n{helper}"
    # What comes later and is not needed may be anything.
    unneeded = "from answer import area\nimport nowhere\n"
    assert extract_code(fenced(area, helper, unneeded), "area") == f"{area}\n{helper}"
    assert extract_code(fenced("import math\n", AREA), "area") == f"import math\n\n{AREA}"


def test_what_a_model_thought_of_is_no_part_of_its_program() -> None:
    thought = "<think>\nPerhaps\n```python\nimport nowhere\ndef area(r): return 0\n```\n</think>\n\n"
    assert extract_code(thought + fenced(AREA), "area") == AREA


def test_an_import_that_has_to_come_first_is_left_out() -> None:
    assert extract_code(fenced("from __future__ import annotations\n" + AREA), "area") == AREA


@pytest.mark.parametrize("line", ["def\n", "def f():\n", "```\n", "```python\ndef f(\n", "x = area(1)\n", "(", "\n"])
def test_a_long_odd_answer_comes_to_an_end(line: str) -> None:
    assert isinstance(extract_code(line * 20_000, "area"), str)
