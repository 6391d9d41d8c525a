"""Turns of every usual form, and the orders in which they make a conversation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mft_core.data.record_forms import parse_record, unread_keys
from mft_core.errors import RecordError
from mft_core.records import Turn

CALLS = '[{"name":"f","arguments":{"a":1}}]'
CALL = {"name": "f", "arguments": {"a": 1}}
ASKED, SAID = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
USER, ANSWER, RESULT = Turn("user", "q"), Turn("assistant", "a"), Turn("tool", "r")
CALLING = Turn("assistant", "", calls=CALLS)


def turns_of(*items: Any, **beside: Any) -> tuple[Turn, ...]:
    return parse_record({"messages": list(items), **beside}, "f:1").turns


def called(**more: Any) -> dict[str, Any]:
    return {"role": "assistant", **more}


@pytest.mark.parametrize(
    "calling",
    [
        called(content=None, tool_calls=[{"type": "function", "function": CALL}]),
        called(content="", tool_calls=json.dumps([CALL])),
        called(content=" \n", function_call={"name": "f", "arguments": '{"a": 1}'}),
        called(content=[{"type": "tool_call", "value": json.dumps(CALL)}]),
        {"from": "function_call", "value": json.dumps(CALL)},
        {"role": "tool_call", "content": json.dumps(CALL)},
    ],
)
@pytest.mark.parametrize("role", ["tool", "function", "observation", "ipython", "tool_response"])
def test_every_form_of_tool_use_gives_the_same_turns(calling: dict[str, Any], role: str) -> None:
    assert turns_of(ASKED, calling, {"role": role, "content": "r"}, SAID) == (USER, CALLING, RESULT, ANSWER)


def test_results_say_what_they_answer() -> None:
    given = {"role": "tool", "tool_call_id": 7, "name": "f", "content": None}
    assert turns_of(ASKED, called(tool_calls=[CALL]), given, SAID)[2] == Turn("tool", "", call_id="7", name="f")
    assert list(unread_keys({"messages": [ASKED, called(tool_calls=[CALL]), given, SAID]})) == []


def test_calls_on_their_own_are_part_of_the_answer_before_them() -> None:
    one = {"from": "function_call", "value": json.dumps(CALL)}
    both = Turn("assistant", "", calls=f"{CALLS[:-1]},{CALLS[1:]}")
    assert turns_of(ASKED, one, one, {"from": "observation", "value": "r"}, SAID) == (USER, both, RESULT, ANSWER)
    assert turns_of(ASKED, SAID, one) == (USER, Turn("assistant", "a", calls=CALLS))


def test_tools_stand_before_the_system_turn() -> None:
    tools = [{"name": "f"}]
    expected = Turn("tools", '[{"type":"function","function":{"name":"f"}}]')
    for given in (tools, json.dumps(tools)):
        assert turns_of(ASKED, SAID, tools=given, system="s") == (expected, Turn("system", "s"), USER, ANSWER)
    assert parse_record({"prompt": "q", "response": "a", "functions": tools}, "").turns == (expected, USER, ANSWER)


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (called(content="a", reasoning_content="t"), "<think>\nt\n</think>\n\na"),
        (called(content="a", thinking=" t "), "<think>\n t \n</think>\n\na"),
        (
            called(content=[{"type": "reasoning", "value": "t"}, {"type": "text", "value": "a"}]),
            "<think>\nt\n</think>\n\na",
        ),
        (called(content="<think>t</think>a"), "<think>t</think>a"),
        (called(content="a", reasoning=" "), "a"),
    ],
)
def test_a_thought_stands_before_the_answer(value: dict[str, Any], answer: str) -> None:
    assert turns_of(ASKED, value) == (USER, Turn("assistant", answer))


def test_a_thought_beside_a_response_stands_before_it() -> None:
    record = parse_record({"prompt": "q", "reasoning": "t", "answer": "a"}, "")
    assert record.turns == (USER, Turn("assistant", "<think>\nt\n</think>\n\na"))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (called(content="a", reasoning="t", thinking="u"), "ambiguous fields"),
        (called(content="<think>t</think>a", reasoning="u"), "ambiguous fields"),
        (called(content="a", reasoning="t</think>u"), "ambiguous fields"),
        (called(content="a", reasoning=["t"]), "content is not text"),
        (called(content="", reasoning="t"), "empty response"),
        (called(content="<think>t</think>\n"), "empty response"),
        (called(content=None), "content is not text"),
    ],
)
def test_a_thought_that_cannot_be_told_apart_is_refused(value: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        turns_of(ASKED, value)
    assert caught.value.reason == reason


TOOL = {"role": "tool", "content": "r"}


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([ASKED, SAID, TOOL, TOOL, SAID], ""),
        ([ASKED, called(tool_calls=[CALL]), TOOL, ASKED, SAID], ""),
        ([ASKED, called(tool_calls=[CALL]), ASKED, SAID], ""),
        ([ASKED, called(tool_calls=[CALL])], ""),
        ([TOOL, SAID], "wrong order of roles"),
        ([ASKED, TOOL, SAID], "wrong order of roles"),
        ([ASKED, SAID, TOOL], "no answer"),
        ([ASKED, SAID, SAID], "wrong order of roles"),
        ([{"role": "developer", "content": "s"}, ASKED, SAID], ""),
    ],
)
def test_orders_of_roles(items: list[Any], reason: str) -> None:
    if not reason:
        assert len(turns_of(*items)) == len(items)
        return
    with pytest.raises(RecordError) as caught:
        turns_of(*items)
    assert caught.value.reason == reason


def test_turns_may_be_given_as_json_text() -> None:
    assert turns_of(ASKED, SAID) == parse_record({"conversations": json.dumps([ASKED, SAID])}, "").turns
    assert parse_record([ASKED, SAID], "").turns == (USER, ANSWER)
    with pytest.raises(RecordError) as caught:
        parse_record({"messages": '[{"role": "user"'}, "")
    assert caught.value.reason == "bad JSON"


def test_what_holds_nothing_in_a_table_of_several_forms_says_nothing() -> None:
    asked = {"role": None, "from": "human", "content": None, "value": "q", "tool_calls": None}
    answer = {"from": None, "role": "assistant", "value": None, "content": "a", "tool_calls": "null"}
    assert turns_of(asked, answer) == (Turn("user", "q"), Turn("assistant", "a"))


@pytest.mark.parametrize("prompt", ["q", [{"role": "user", "content": "q"}], '[{"role": "user", "content": "q"}]'])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_completion_of_turns_is_not_learned_as_json(prompt: Any, as_text: bool) -> None:
    turns = [{"role": "assistant", "content": "a", "weight": 2}]
    value = {"prompt": prompt, "completion": json.dumps(turns) if as_text else turns}
    said = json.dumps(turns) if as_text and prompt == "q" else "a"  # beside a text, a text is what it is
    (asked, answer) = parse_record(value, "").turns
    assert (asked.content, answer.content) == ("q", said)


def test_a_prompt_and_a_completion_may_be_turns() -> None:
    assert parse_record({"prompt": [ASKED], "completion": [SAID]}, "").turns == (USER, ANSWER)
    assert parse_record({"prompt": [ASKED], "completion": "a"}, "").turns == (USER, ANSWER)
