"""What responses cost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mft_core.endpoint.usage import Usage, estimated_prompt_tokens, estimated_tokens, read_usage

CHOICE = {"message": {"content": "eight ch"}}
TOLD = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def test_texts_are_estimated_in_english_and_chinese() -> None:
    assert [estimated_tokens(text) for text in ("", "a", "abcd", "abcde", "排序算法", "用abc")] == [0, 1, 1, 2, 4, 2]
    assert estimated_prompt_tokens([{"role": "system", "content": "abcd"}, {"role": "user", "content": ""}]) == 9


@pytest.mark.parametrize(
    ("status", "content", "usage"),
    [
        (200, {"choices": [CHOICE], "usage": TOLD}, Usage(7, 3, False)),
        (200, {"choices": [], "usage": TOLD}, Usage(7, 3, False)),  # of no use, and paid for
        (500, {"usage": TOLD}, Usage(7, 3, False)),
        (200, {"choices": [CHOICE]}, Usage(50, 2, True)),
        (200, {"choices": [CHOICE, CHOICE, None, {"message": None}], "usage": None}, Usage(50, 4, True)),
        (200, {"choices": [CHOICE], "usage": {"total_tokens": 9}}, Usage(50, 2, True)),
        (200, {"choices": [CHOICE], "usage": {"prompt_tokens": -1, "completion_tokens": True}}, Usage(50, 2, True)),
        (200, {"choices": []}, None),
        (200, {"error": "overloaded"}, None),
        (429, {"choices": [CHOICE]}, None),
        (200, [], None),
    ],
)
def test_usage_is_what_the_response_says_or_an_estimate(status: int, content: Any, usage: Usage | None) -> None:
    assert read_usage(status, json.dumps(content), 50) == usage


def test_half_a_reply_was_paid_for_and_a_page_was_not() -> None:
    assert read_usage(200, '{"choices": [{"mess', 50) == Usage(50, 5, True)
    assert read_usage(500, '{"choices": [{"mess', 50) is None
    assert read_usage(200, "<html>", 50) is None
    assert read_usage(200, "[" * 100_000, 50) is None
