"""Keys beside a record's text: refused where they change what is learned, let pass where they do not, else named."""

from __future__ import annotations

from typing import Any

import pytest

from mft_core.data.record_fields import HARMLESS, UNSUPPORTED
from mft_core.data.record_forms import parse_record, unread_keys
from mft_core.errors import RecordError
from mft_core.records import Turn

PAIR = {"prompt": "q", "response": "a"}


def chat(question: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "q", **question}, {"role": "assistant", "content": "a", **answer}]}


CALL = [{"type": "function", "function": {"name": "weather", "arguments": "{}"}}]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (chat({"tool_calls": CALL}, {}), "tool_calls"),
        (PAIR | {"tool_calls": CALL}, "tool_calls"),
        ({"text": "t", "tools": CALL}, "tools"),
        (chat({"train": True}, {}), "train"),
        (chat({}, {"loss_mask": [0, 1]}), "loss_mask"),
        (chat({"reasoning_content": "six sevens"}, {}), "reasoning_content"),
        (chat({}, {}) | {"reasoning": "well"}, "reasoning"),
        (PAIR | {"cot": "well"}, "cot"),
        (PAIR | {"label": False}, "label"),
        (PAIR | {"kto_tag": 0}, "kto_tag"),
        (chat({}, {}) | {"label": False}, "label"),
        (PAIR | {"rejected": "b"}, "rejected"),
        ({"question": "q", "context": "CREATE TABLE", "answer": "a"}, "context"),
        ({"instruction": "q", "Context": "c", "output": "a"}, "Context"),
        (PAIR | {"images": ["a.png"]}, "images"),
        (chat({}, {}) | {"enable_thinking": False}, "enable_thinking"),
    ],
)
def test_what_would_change_what_is_learned_is_refused_by_name(value: dict[str, Any], key: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse_record(value, "f:1")
    assert caught.value.reason == f"unsupported field {key}"
    assert repr(key) in caught.value.detail


@pytest.mark.parametrize(
    "value",
    [
        chat({"weight": 0, "train": False}, {"weight": 1, "train": True, "loss": True}),
        chat({}, {"tool_calls": None, "reasoning_content": "", "function_call": None}),
        chat({}, {}) | {"tools": [], "label": True, "weight": 1.0, "images": None, "context": ""},
        PAIR | {"label": True, "history": [], "system": ""},
        PAIR | {"tools": "[]", "reasoning": "null", "context": " "},
    ],
)
def test_values_that_ask_for_nothing_pass(value: dict[str, Any]) -> None:
    assert parse_record(value, "f:1").turns == (Turn("user", "q"), Turn("assistant", "a"))
    assert list(unread_keys(value)) == []


def test_of_plain_text_a_label_is_a_class() -> None:
    assert parse_record({"text": "t", "label": 0}, "f:1").text == "t"


def test_other_keys_are_named_unless_they_are_known_or_empty() -> None:
    known = {"id": 0, "Source": "s", "metadata": {"a": 1}, "lang": "python"}
    assert list(unread_keys(PAIR | known | {"empty": None})) == []
    assert list(unread_keys(PAIR | known | {"steps": ["x"], "text": "all"})) == ["steps", "text"]
    assert list(unread_keys(PAIR | {"label": "positive"})) == ["label"]
    assert list(unread_keys({"text": "t", "system": "s"})) == ["system"]
    named = chat({"name": "Ann"}, {"cache_control": {"type": "x"}})
    assert list(unread_keys(named)) == ["messages[].name", "messages[].cache_control"]


def test_a_harmless_key_is_named_where_it_holds_a_text_or_what_would_refuse_the_record() -> None:
    code, long = "def f():\n    return 1\n", "word " * 60
    assert list(unread_keys(PAIR | {"comment": code, "title": long, "note": "short\n"})) == ["comment", "title"]
    inside = {"metadata": {"tools": [{"name": "f"}], "weight": 1, "source": "web"}, "extra_info": {"weight": 0}}
    assert list(unread_keys(PAIR | inside)) == ["metadata.tools", "extra_info.weight"]
    translation = {"instruction": "to Java", "source": "x = 1", "target": "int x = 1;"}
    assert list(unread_keys(translation)) == ["source"]
    assert list(unread_keys(PAIR | {"source": "web"})) == []


def test_a_turn_that_says_two_things_is_refused() -> None:
    with pytest.raises(RecordError) as caught:
        parse_record(chat({}, {"value": "b"}), "f:1")
    assert caught.value.reason == "ambiguous fields"
    assert parse_record(chat({}, {"value": "a"}), "f:1").turns[-1] == Turn("assistant", "a")


def test_no_key_is_both_refused_and_harmless() -> None:
    assert not HARMLESS & set(UNSUPPORTED)
