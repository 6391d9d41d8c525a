from __future__ import annotations

import pytest

from helpers.drafts import draft, reason
from mft_core.making.filters.form import FormFilter
from mft_core.making.filters.natural_language import is_foreign

CHINESE = "请写一个函数，把列表里的数字翻倍，然后返回结果。"
ENGLISH = "Write a function that doubles the numbers of a list."
CODE = "```python\n# 把数字翻倍，然后返回结果\ndef double(number):\n    return 2 * number\n```"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (CHINESE, "zh"), (ENGLISH, "en"), (CHINESE, ""), (ENGLISH, ""), (CHINESE, "fr"), ("", "zh"), ("", "en"),
        ("用 Python 的 dataclass 实现一个 LRU cache。", "zh"), ("double(numbers)", "zh"), (CODE, "en"),
        (f"{ENGLISH}\n{CODE}", "en"), ("Count the characters of `这是一个很长的例子` here.", "en"),
        ("Greet with 你好.", "en"), (f"{CHINESE} LRU cache with get and put", "zh"),
    ],
)  # fmt: skip
def test_what_is_in_the_language_or_may_be(text: str, language: str) -> None:
    assert not is_foreign(text, language)


@pytest.mark.parametrize(
    ("text", "language"), [(ENGLISH, "zh"), (CHINESE, "en"), (f"{ENGLISH}\n{CODE}", "zh"), (f"{CHINESE} Python", "en")]
)
def test_what_is_wholly_in_the_other_one(text: str, language: str) -> None:
    assert is_foreign(text, language)


def test_records_in_another_language_than_asked_are_refused_by_form() -> None:
    chinese, english = (FormFilter(20, 20_000, parses=True, language=language) for language in ("zh", "en"))
    good = draft(CHINESE, f"如下所示：\n{CODE}")
    assert reason(chinese, good) == ""
    assert reason(english, good) == "another natural language"
    assert reason(chinese, draft(ENGLISH, CODE)) == "another natural language"
    # Half a sentence beside code is no answer in English; a text is one.
    assert reason(chinese, draft(CHINESE, f"Here is the function that does it:\n{CODE}")) == ""
    told = "This function takes a number and returns twice the number, which is what was asked for."
    assert reason(chinese, draft(CHINESE, f"{told}\n{CODE}")) == "another natural language"
