"""Tools and calls of them, in the forms that data sets have: read into one form, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mft_core.data.line_parsing import parse_line
from mft_core.errors import RecordError

BAD_TOOLS, BAD_CALL = "bad tools", "bad tool call"
ARGUMENTS = ("arguments", "parameters", "input")
"""Keys of what a tool is called with: OpenAI's, Llama's, Anthropic's."""


def compact(value: Any) -> str:
    """The compact JSON of a value, in its own letters."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def from_text(value: Any, reason: str, where: str) -> Any:
    """The value that a text holds as JSON; any other value as it is.

    Raises:
        RecordError: under `reason`, where the text is no JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return parse_line(value.encode("utf-8"))
    except RecordError as error:
        raise RecordError(reason, f"{where} is a text that is no JSON: {error}") from error


def read_tools(value: Any, where: str) -> str:
    """The JSON list of the tools that a record names; "" where it names none.

    Args:
        value: a list of tools, or one, or either as JSON text. A tool is `{"type": "function", "function": {...}}` or
            what is inside `function`.
        where: the key that holds it, for messages.

    Raises:
        RecordError: "bad tools".
    """
    value = from_text(value, BAD_TOOLS, where) if not isinstance(value, str) or value.strip() else None
    tools = [value] if isinstance(value, dict) and value else value or []
    if not isinstance(tools, list):
        raise RecordError(BAD_TOOLS, f"{where} must be a list of tools")
    return compact([_tool(from_text(tool, BAD_TOOLS, where), where) for tool in tools]) if tools else ""


def _tool(tool: Any, where: str) -> dict[str, Any]:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise RecordError(BAD_TOOLS, f"a tool in {where} has no name")
    return tool if "function" in tool else {"type": "function", "function": tool}


def read_calls(value: Any, where: str) -> list[dict[str, Any]]:
    """Calls as objects of "name", "arguments" and, where it is given, "id".

    Args:
        value: a list of calls, or one, or either as JSON text. A call is `{"function": {"name", "arguments"}}` or what
            is inside `function`; its arguments are an object, or the JSON text of one.
        where: such as "turn 2", for messages.

    Raises:
        RecordError: "bad tool call".
    """
    value = from_text(value, BAD_CALL, where)
    calls = value if isinstance(value, list) else [value]
    return [_call(from_text(call, BAD_CALL, where), where) for call in calls]


def _call(call: Any, where: str) -> dict[str, Any]:
    function = call.get("function", call) if isinstance(call, dict) else None
    if isinstance(function, str):
        function = call | {"name": function}
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name:
        raise RecordError(BAD_CALL, f"a call in {where} names no tool")
    read = {"name": name, "arguments": _arguments(function, f"the call of {name!r} in {where}")}
    number = call.get("id", call.get("tool_call_id"))
    return read if number in (None, "") else {**read, "id": str(number)}


def _arguments(function: Mapping[str, Any], where: str) -> dict[str, Any]:
    given = [function[key] for key in ARGUMENTS if function.get(key) not in (None, "")]
    if len(given) > 1:
        raise RecordError(BAD_CALL, f"{where} has more than one of: {', '.join(ARGUMENTS)}")
    arguments = from_text(given[0], BAD_CALL, f"what {where} is made with") if given else {}
    if not isinstance(arguments, dict):
        raise RecordError(BAD_CALL, f"the arguments of {where} are no object")
    return arguments
