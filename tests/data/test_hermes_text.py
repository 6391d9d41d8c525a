"""Tool use written as text: read as the same conversation that other forms give."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mft_core.data.record_forms import parse_record
from mft_core.data.usual_records import usual_record
from mft_core.errors import RecordError
from mft_core.records import Turn

TOOL = {"type": "function", "function": {"name": "weather"}}
LISTED = f"Call functions. <tools>[{json.dumps(TOOL)}]</tools>"
SYSTEM, USER, ANSWER = Turn("system", LISTED), Turn("user", "Oslo?"), Turn("assistant", "Three.")
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
CALLS = '[{"name":"weather","arguments":{"city":"Oslo"}}]'


def said(*items: tuple[str, str], **beside: Any) -> tuple[Turn, ...]:
    return parse_record({"conversations": [{"from": role, "value": text} for role, text in items], **beside}, "").turns


@pytest.mark.parametrize("role", ["tool", "human"])
@pytest.mark.parametrize("beside", [{}, {"tools": json.dumps([TOOL])}])
@pytest.mark.parametrize(
    "call", [CALL, f"\n{CALL}\n", "<tool_call>{'arguments': {'city': 'Oslo'}, 'name': 'weather'}</tool_call>"]
)
def test_calls_and_results_in_marks_are_calls_and_results(role: str, beside: dict[str, str], call: str) -> None:
    result = "<tool_response>\n3\n</tool_response>\n"
    asked = ("system", LISTED), ("human", "Oslo?"), ("gpt", call), (role, result), ("gpt", "Three.")
    assert said(*asked, **beside) == (
        SYSTEM,
        USER,
        Turn("assistant", "", calls=CALLS),
        Turn("tool", "3"),
        ANSWER,
    )


def test_several_calls_results_words_and_a_thought() -> None:
    rome = CALL.replace("Oslo", "Rome")
    results = "<tool_response>\n3\n</tool_response>\n<tool_response>\n20\n</tool_response>"
    call = f"<think>\nTwo.\n</think>\n\nI look.\n{CALL}\n{rome}"
    turns = said(("human", "Both?"), ("gpt", call), ("tool", results), ("gpt", "Three, twenty."), tools=[TOOL])
    both = f"{CALLS[:-1]},{CALLS[1:]}".replace("Oslo", "Rome", 2).replace("Rome", "Oslo", 1)
    assert turns[0].role == "tools"
    assert turns[2] == Turn("assistant", "<think>\nTwo.\n</think>\n\nI look.", calls=both)
    assert turns[3:5] == (Turn("tool", "3"), Turn("tool", "20"))


def test_tools_that_the_system_turn_does_not_list_are_listed() -> None:
    other = {"type": "function", "function": {"name": "forecast"}}
    turns = said(("system", LISTED), ("human", "Oslo?"), ("gpt", CALL), tools=[TOOL, other])
    assert [turn.role for turn in turns] == ["tools", "system", "user", "assistant"]


def test_a_record_of_the_plainest_form_is_read_alike() -> None:
    roles = ("system", LISTED), ("user", "Oslo?"), ("assistant", CALL)
    value = {"messages": [{"role": role, "content": text} for role, text in roles]}
    assert usual_record(value, "") is None
    assert parse_record(value, "").turns[-1] == Turn("assistant", "", calls=CALLS)


@pytest.mark.parametrize("text", [f"Write {CALL} so.", "<tool_call> is a mark", f"{CALL} and more"])
def test_marks_that_an_answer_does_not_end_with_are_text(text: str) -> None:
    assert said(("system", LISTED), ("human", "How?"), ("gpt", text))[-1] == Turn("assistant", text)


def test_marks_where_no_tools_are_and_in_a_question_are_text() -> None:
    assert said(("human", "How?"), ("gpt", CALL))[-1] == Turn("assistant", CALL)
    typed = "<tool_response>\n3\n</tool_response>"
    assert said(("human", typed), ("gpt", "Three."), tools=[TOOL])[1] == Turn("user", typed)


@pytest.mark.parametrize("inside", ["{name: weather}", "weather", '{"arguments": {}}', "{'name': print}", "(" * 9999])
def test_a_call_that_cannot_be_read_is_refused(inside: str) -> None:
    with pytest.raises(RecordError, match="bad tool call"):
        said(("system", LISTED), ("human", "Oslo?"), ("gpt", f"<tool_call>{inside}</tool_call>"))
