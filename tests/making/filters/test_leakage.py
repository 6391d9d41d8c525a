from __future__ import annotations

import pytest

from helpers.drafts import draft, reason, solved
from mft_core.audit.leakage import Problem
from mft_core.making.draft import Refused
from mft_core.making.filters.leakage import LeakageFilter

WORDS = "apple river stone cloud paper light tower field glass music horse ocean metal bread chair plant".split()  # noqa: SIM905
SOLUTION = """
def task_{number}(values, limit):
    kept = [value * {number} + {more} for value in values if value % {number} < limit]
    while len(kept) > {more} and kept[-1] >= kept[0] - {number}:
        kept[0] += kept.pop() // {more}
    return kept[{number} % len(kept)] if kept else -{number} * {more}
"""


def asked(number: int) -> str:
    drawn = " ".join(WORDS[(number * step + step) % len(WORDS)] for step in range(1, 13))
    return f"Problem {number}: given the {drawn}, count those that come before number {number} in the {drawn[::-1]}."


def solution(number: int) -> str:
    return SOLUTION.format(number=number + 2, more=3 * number + 5)


def renamed(source: str) -> str:
    for name, other in (("values", "xs"), ("kept", "chosen"), ("value", "x"), ("limit", "bound")):
        source = source.replace(name, other)
    return "# my own work\n" + source.replace("    ", "\t").replace("task_", "f").replace(" + ", "+")


PROBLEMS = [Problem("exam", str(number), (asked(number), solution(number))) for number in range(100)]
LEAKAGE = LeakageFilter(PROBLEMS, 0.5)


def test_every_planted_problem_is_found() -> None:
    for number in range(100):
        verbatim = draft(asked(number), "I do not know how to do that, sorry.")
        reformatted = draft(f"Hello!\n\n> {asked(number).upper()}\n\nThanks.", "Here it is.")
        assert reason(LEAKAGE, verbatim) == "problem of a published set", number
        assert reason(LEAKAGE, reformatted) == "problem of a published set", number
        assert reason(LEAKAGE, solved(renamed(solution(number)), "Solve it.")) == "problem of a published set", number


def test_other_records_have_none() -> None:
    for number in range(1000, 1400):
        other = f"def f(values):\n    return [{number} // value for value in values if value > {number % 9}]"
        assert reason(LEAKAGE, solved(other, f"Divide {number} by all values above {number % 9} of a list.")) == ""
        assert reason(LEAKAGE, draft(f"What is {number} in the field of music?", asked(number)[::-1])) == ""


def test_the_detail_names_set_problem_and_share() -> None:
    with pytest.raises(Refused, match=r"100% of the words of exam 7$"):
        LEAKAGE.check(draft(asked(7), "..."), None)  # type: ignore[arg-type]
    half = " ".join(asked(7).split()[:27])
    with pytest.raises(Refused, match=r"[5-9]\d% of the words of exam 7$"):
        LEAKAGE.check(draft(half, "..."), None)  # type: ignore[arg-type]
    assert reason(LeakageFilter(PROBLEMS, 0.9), draft(half, "...")) == ""


def test_of_several_problems_the_one_with_most_of_it_is_named() -> None:
    both = draft(" ".join(asked(3).split()[:29]), asked(8))
    with pytest.raises(Refused, match=r"100% of the words of exam 8$"):
        LEAKAGE.check(both, None)  # type: ignore[arg-type]


def test_chinese_problems_are_found_too() -> None:
    text = "给定一个整数列表，返回其中严格大于前一个元素的元素个数；列表为空时返回零。"
    leakage = LeakageFilter([Problem("exam", "1", (text,))], 0.5)
    assert reason(leakage, draft(f"请完成下面的题目。{text}谢谢！", "好的。")) == "problem of a published set"
    assert reason(leakage, draft("给定一个字符串，返回其中大写字母的个数。", "好的。")) == ""
