from __future__ import annotations

import pytest

pytest.importorskip("rensa", reason="near duplicates need the extra make")

from helpers.drafts import draft, reason
from mft_core.making.draft import Draft, Refused
from mft_core.making.filters.duplicates import DuplicatesFilter
from mft_core.records import Turn

ANSWER = """
The function keeps a running total and a count, so that it needs to look at every value once only.

```python
def mean_of_squares(values):
    total = 0
    for value in values:
        total += value * value
    return total / len(values)
```

It raises ZeroDivisionError for an empty list, since there is no mean of nothing.
"""
ASKED = "Write a Python function that returns the mean of the squares of all values in a list of numbers."
CHINESE = draft(
    "请写一个函数，返回列表中所有正数的平均值，如果没有正数就返回零，并说明时间复杂度。",
    "先筛选出所有正数，再求和并除以个数；如果没有正数，直接返回零。这个函数只遍历列表一次，时间复杂度是线性的。",
)


def filled(near: float, *kept: Draft) -> DuplicatesFilter:
    duplicates = DuplicatesFilter(near)
    for one in kept:
        assert reason(duplicates, one) == ""
        duplicates.keep(one)
    return duplicates


def test_what_differs_in_white_space_and_case_alone_is_a_duplicate() -> None:
    duplicates = filled(0.7, draft("What is two?", "It is 2."), draft(ASKED, ANSWER))
    again = draft(f"{ASKED.upper()}\n", ANSWER.replace("\n", " \n "))
    with pytest.raises(Refused, match=f"^duplicate: of '{ASKED[:60]}'$"):
        duplicates.check(again)
    assert reason(filled(1.0, draft(ASKED, ANSWER)), again) == "duplicate"


def test_a_system_turn_makes_no_difference() -> None:
    one = draft(ASKED, ANSWER)
    assert reason(filled(0.7, one), Draft((Turn("system", "Be brief."), *one.turns))) == "duplicate"


def test_a_few_other_words_make_a_near_duplicate() -> None:
    duplicates = filled(0.7, draft("What is two?", "It is 2."), draft(ASKED, ANSWER))
    again = draft(f"Please: {ASKED}", ANSWER.replace("nothing", "none at all"))
    with pytest.raises(Refused, match=rf"^near duplicate: shares \d\d% with '{ASKED[:60]}'$"):
        duplicates.check(again)
    assert reason(filled(1.0, draft(ASKED, ANSWER)), again) == ""


def test_so_do_a_few_other_characters_in_chinese() -> None:
    duplicates = filled(0.5, CHINESE)
    asked, said = CHINESE.instruction, CHINESE.answer
    assert reason(duplicates, draft(asked.replace("请写", "编写"), said.replace("直接", "就"))) == "near duplicate"
    other = "冒泡排序反复比较相邻的两个元素，次序不对就交换，直到没有可交换的为止。"
    assert reason(duplicates, draft("请解释什么是冒泡排序，并说明它的时间复杂度。", other)) == ""


def test_only_what_was_kept_counts() -> None:
    duplicates = DuplicatesFilter(0.7)
    duplicates.check(draft(ASKED, ANSWER))
    duplicates.check(draft(ASKED, ANSWER))


def test_planted_copies_are_found_and_nothing_else() -> None:
    duplicates = DuplicatesFilter(0.7)
    lines = [f"Step {number} of it changes the value {number * number} to {number % 7}." for number in range(2000)]
    found = wrong = 0
    for number in range(0, 2000, 10):
        said = " ".join(lines[number : number + 10])
        wrong += reason(duplicates, draft(f"What does program {number} do?", said)) != ""
        duplicates.keep(draft(f"What does program {number} do?", said))
        found += reason(duplicates, draft(f"Tell me what program {number} does.", said)) == "near duplicate"
    assert wrong == 0
    assert found >= 198
