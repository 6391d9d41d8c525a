"""Tool use that a record has as text, as Hermes' and Qwen's sets do: read into tools, calls and results.

Left as text, a chat template would put its own marks around theirs, and list the tools a second time.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any

from mft_core.data.line_parsing import parse_line
from mft_core.data.tool_calls import BAD_CALL, compact, read_calls
from mft_core.errors import RecordError
from mft_core.records import Turn
from mft_core.support.thoughts import split_thought

CALL_MARK, RESULT_MARK, TOOLS_MARK = "<tool_call>", "<tool_response>", "<tools>"


def from_hermes_text(turns: Sequence[Turn]) -> list[Turn]:
    """The turns, with what they say of tools in marks as tools, calls and results; themselves where no tools are there.

    An answer that ends with `<tool_call>...</tool_call>` makes these calls, JSON or Python's way to write it. A result
    that is `<tool_response>...</tool_response>` is what stands in it; so is a turn of the user's behind a call. Tools
    that the system turn lists in `<tools>` are not listed again. Anything else is text.

    Raises:
        RecordError: "bad tool call".
    """
    if not any(turn.role in ("tools", "tool") or _lists_tools(turn) for turn in turns):
        return list(turns)
    read: list[Turn] = []
    for number, turn in enumerate(turns, 1):
        asked = bool(read) and (read[-1].role == "tool" or bool(read[-1].calls))
        if turn.role == "assistant" and CALL_MARK in turn.content:
            read.append(_with_calls(turn, f"turn {number}"))
        elif turn.role == "tool" or (turn.role == "user" and asked):
            read += _results(turn)
        else:
            read.append(turn)
    listed = "".join(turn.content for turn in read if _lists_tools(turn))
    return [turn for turn in read if turn.role != "tools" or not listed or not _all_named(turn.content, listed)]


def _lists_tools(turn: Turn) -> bool:
    return turn.role == "system" and TOOLS_MARK in turn.content


def _all_named(tools: str, listed: str) -> bool:
    return all(tool["function"]["name"] in listed for tool in json.loads(tools))


def _with_calls(turn: Turn, where: str) -> Turn:
    parts = split_thought(turn.content)
    said = turn.content if parts is None else parts.said
    start = said.find(CALL_MARK)
    marked = [] if turn.calls or start < 0 else _marked(said[start:], CALL_MARK)
    if not marked:
        return turn
    before = turn.content[: len(turn.content) - len(said) + start]
    calls = [call for text in marked for call in read_calls(_value(text, where), where)]
    return turn._replace(content=before.removesuffix("\n") if before.strip() else "", calls=compact(calls))


def _marked(text: str, mark: str) -> list[str]:
    """What stands in each pair of marks; none where anything else stands beside them."""
    *pieces, rest = text.split(mark.replace("<", "</"))
    pieces = [piece.lstrip() for piece in pieces]
    whole = not rest.strip() and all(piece.startswith(mark) for piece in pieces)
    return [piece.removeprefix(mark) for piece in pieces] if whole else []


def _value(text: str, where: str) -> Any:
    """What JSON says, or Python's way to write it, which some sets have."""
    try:
        return parse_line(text.strip().encode("utf-8"))
    except RecordError as error:
        try:
            return parse_line(json.dumps(ast.literal_eval(text.strip()), allow_nan=False).encode("utf-8"))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, RecordError):
            raise RecordError(BAD_CALL, f"{where} has a text in {CALL_MARK} that is no JSON: {error}") from error


def _results(turn: Turn) -> list[Turn]:
    found = [text.removeprefix("\n").removesuffix("\n") for text in _marked(turn.content, RESULT_MARK)]
    if len(found) == 1 and turn.role == "tool":
        return [turn._replace(content=found[0])]
    return [Turn("tool", text, name=turn.name) for text in found] or [turn]
