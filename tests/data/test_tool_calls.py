"""Tools and calls of them in the forms that data sets have: one form, or a named reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mft_core.data.tool_calls import read_calls, read_tools
from mft_core.errors import RecordError

FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION}
CALL = {"name": "f", "arguments": {"x": 1.5, "ä": None}}


@pytest.mark.parametrize(
    "value", [[TOOL], [FUNCTION], FUNCTION, json.dumps([FUNCTION]), json.dumps(TOOL), [json.dumps(TOOL)]]
)
def test_every_form_of_tools_is_one(value: Any) -> None:
    assert json.loads(read_tools(value, "tools")) == [TOOL]


@pytest.mark.parametrize("value", [None, "", " ", [], "[]", {}])
def test_no_tools(value: Any) -> None:
    assert read_tools(value, "tools") == ""


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (CALL, None),
        ([CALL], None),
        (json.dumps(CALL), None),
        ({"name": "f", "parameters": CALL["arguments"]}, None),
        ({"type": "function", "id": "c1", "function": CALL}, "c1"),
        ({"id": 7, "function": {"name": "f", "arguments": json.dumps(CALL["arguments"])}}, "7"),
        ({"type": "tool_use", "id": "t", "name": "f", "input": CALL["arguments"]}, "t"),
    ],
)
def test_every_form_of_a_call_is_one(value: Any, number: str | None) -> None:
    assert read_calls(value, "turn 2") == [CALL | ({"id": number} if number else {})]


@pytest.mark.parametrize("arguments", [None, "", {}, "{}"])
def test_a_call_may_have_no_arguments(arguments: Any) -> None:
    assert read_calls({"name": "f", "arguments": arguments}, "") == [{"name": "f", "arguments": {}}]


@pytest.mark.parametrize(
    "value",
    [
        "f(1)",
        [1],
        {},
        {"name": ""},
        {"function": {"arguments": {}}},
        {"name": "f", "arguments": [1]},
        {"name": "f", "arguments": "x=1"},
        {"name": "f", "arguments": '{"a": 1, "a": 2}'},
        {"name": "f", "arguments": {"a": 1}, "parameters": {"b": 1}},
    ],
)
def test_what_is_no_call_is_refused_by_name(value: Any) -> None:
    with pytest.raises(RecordError) as caught:
        read_calls(value, "turn 2")
    assert caught.value.reason == "bad tool call"
    assert "turn 2" in caught.value.detail


@pytest.mark.parametrize("value", ["weather", 3, [{}], [{"function": {}}], [1], "[{"])
def test_what_are_no_tools_is_refused_by_name(value: Any) -> None:
    with pytest.raises(RecordError) as caught:
        read_tools(value, "tools")
    assert caught.value.reason == "bad tools"
