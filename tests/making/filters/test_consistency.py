from __future__ import annotations

from pathlib import Path

import pytest

from helpers.drafts import draft, reason
from mft_core.making.draft import Code, Draft, Refused
from mft_core.making.filters.consistency import ConsistencyFilter
from mft_core.making.filters.verdicts import FILE, Verdicts
from mft_core.sandbox import Tier

MEAN = "def mean(values):\n    return sum(values) / len(values)"
OTHER_MEAN = (
    "def average(values):\n    total = 0.0\n    for v in values:\n        total += v / len(values)\n    return total"
)
RAISES = "def mean(values):\n    if not values:\n        raise ValueError('none')\n    return sum(values) / len(values)"
SORTS = "def order(values):\n    values.sort()"
SORTS_TOO = "def order(values):\n    values[:] = sorted(values)"
PRINTS = "def show(n):\n    for i in range(n):\n        print(i)"
YIELDS = "def squares(n):\n    for i in range(n):\n        yield i * i"
SQUARES = "def squares(n):\n    return [i * i for i in range(n)]"
OBJECTS = "class A:\n    pass\n\ndef make():\n    return A()"


def solutions(source: str, other: str, *inputs: str) -> Draft:
    return draft("Solve it.", "...", Code(source, other=other, inputs=inputs))


@pytest.fixture
def consistency(tmp_path: Path, tier: Tier) -> ConsistencyFilter:
    return ConsistencyFilter(Verdicts(tmp_path), tier, seconds=5.0)


@pytest.mark.parametrize(
    ("one", "refused"),
    [
        (solutions(MEAN, OTHER_MEAN, "[0.1, 0.2, 0.4]", "[1, 2, 3, 5]"), ""),
        (solutions(MEAN, MEAN, "[1, 2]", "[]", "'ab'"), ""),
        (solutions(MEAN, RAISES, "[1, 2]"), ""),
        (solutions(MEAN, RAISES, "[1, 2]", "[]"), "two solutions differ"),
        (solutions(MEAN, "def mean(values):\n    return max(values)", "[1, 1]", "[1, 2]"), "two solutions differ"),
        (
            solutions(MEAN, "def mean(values):\n    return str(sum(values) / len(values))", "[1]"),
            "two solutions differ",
        ),
        (solutions(MEAN, MEAN, "[]", "'ab'", "1, 2"), "no input can be compared"),
        (solutions(MEAN, MEAN), "no input can be compared"),
        (solutions(MEAN, MEAN, "[n]", "open('x')", "1) or f(2"), "no input can be compared"),
        (solutions(MEAN, "x = 1", "[1]"), "no input can be compared"),
        (solutions(MEAN, f"1 / 0\n{MEAN}", "[1]"), "no input can be compared"),
        (solutions(SORTS, SORTS_TOO, "[3, 1, 2]"), ""),
        (solutions(SORTS, "def order(values):\n    return None", "[3, 1, 2]"), "two solutions differ"),
        (solutions(PRINTS, "def show(n):\n    print(*range(n), sep='\\n')", "3"), ""),
        (solutions(PRINTS, "def show(n):\n    print(*range(n))", "3"), "two solutions differ"),
        (solutions(YIELDS, SQUARES, "4"), ""),
        (solutions(OBJECTS, OBJECTS, ""), "no input can be compared"),
        (solutions(f"import os\nos.abort()\n{MEAN}", MEAN, "[1]"), "crash"),
        (draft("Solve it.", "...", Code(MEAN)), ""),
        (draft("Solve it.", "...", Code("int f();", "c", other="int f();")), ""),
        (draft("Solve it.", "..."), ""),
    ],
)
def test_two_solutions(consistency: ConsistencyFilter, one: Draft, refused: str) -> None:
    assert reason(consistency, one) == refused


def test_the_one_that_takes_too_long_is_named(tmp_path: Path, tier: Tier) -> None:
    consistency = ConsistencyFilter(Verdicts(tmp_path), tier, seconds=1.0)
    endless = "def mean(values):\n    while True: pass"
    with pytest.raises(Refused, match="timeout: the second solution"):
        consistency.check(solutions(MEAN, endless, "[1]"), None)  # type: ignore[arg-type]


def test_the_detail_shows_the_input_and_both_results(consistency: ConsistencyFilter, tmp_path: Path) -> None:
    one = solutions(MEAN, RAISES, "[1, 2]", "[]")
    with pytest.raises(Refused, match=r"differ: \(\[\]\): ZeroDivisionError and ValueError$"):
        consistency.check(one, None)  # type: ignore[arg-type]
    kept = (tmp_path / FILE).read_bytes()
    assert reason(consistency, one) == "two solutions differ"
    assert (tmp_path / FILE).read_bytes() == kept


def test_the_function_that_is_asked_for_is_compared(consistency: ConsistencyFilter) -> None:
    helper = "\n\ndef helper(values):\n    return 0"
    code = Code(MEAN + helper, function="mean", inputs=("[1, 2]",), other=MEAN + helper.replace("0", "1"))
    assert reason(consistency, draft("Solve it.", "...", code)) == ""
