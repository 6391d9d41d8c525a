"""Lists of turns: one object each to a `Turn`, in an order that a conversation has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mft_core.data import record_fields
from mft_core.data.columns import EMPTY
from mft_core.data.content_parts import NOT_TEXT, Said, are_parts, read_parts, read_text, refuse_learned
from mft_core.data.record_weights import answer_weight
from mft_core.data.tool_calls import compact, read_calls
from mft_core.errors import RecordError
from mft_core.records import Turn
from mft_core.support.thoughts import split_thought, with_thought

CALL = "call"
ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "bot": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "function_call": CALL,
    "tool_call": CALL,
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "observations": "tool",
    "ipython": "tool",
    "tool_response": "tool",
    "function_response": "tool",
}
"""Names of roles; a turn whose role is a call of tools is part of the answer that makes it."""

TOOLS = "tools"
REASONING = ("reasoning_content", "reasoning", "thinking", "thought")
CALL_KEYS = ("tool_calls", "function_call")
CALL_ID = "tool_call_id"


def read_turn(item: Any, number: int, render_json: bool = False) -> Turn:
    """One object of a list of turns; the role is "call" where it is nothing but calls of tools.

    Raises:
        RecordError: "not an object", "unknown role", "ambiguous fields", "unsupported field KEY", or as `read_text`,
            `read_parts` and `read_calls`.
    """
    where = f"turn {number}"
    if not isinstance(item, dict):
        raise RecordError("not an object", f"{where} must be an object with a role and a content")
    name = _either(item, "role", "from")
    role = ROLES.get(name.lower().replace("-", "_")) if isinstance(name, str) else None
    if role is None:
        raise RecordError("unknown role", f"{where} has the role {name!r}; known: {', '.join(ROLES)}")
    is_answer = role in ("assistant", CALL)
    used = {"assistant": (*REASONING, *CALL_KEYS), "tool": (CALL_ID,)}.get(role, ())
    others = {key: content for key, content in item.items() if key not in used}
    record_fields.refuse_unsupported_turn(others, where, is_answer=is_answer)
    if item.get("content") and item.get("value") and item["content"] != item["value"]:
        raise RecordError("ambiguous fields", f"{where} says one thing in `content` and another in `value`")
    content = _either(item, "content", "value")
    if not is_answer:
        refuse_learned(content, where)
    if role == CALL:
        return Turn(CALL, "", answer_weight(item, where), calls=compact(read_calls(content, where)))
    if role == "assistant":
        return _answer(item, content, where, render_json)._replace(weight=answer_weight(item, where))
    if role != "tool":
        return Turn(role, read_text(content, where, render_json))
    text = "" if content is None else read_text(content, where, render_json)
    return Turn("tool", text, call_id=_label(item, CALL_ID), name=_label(item, "name"))


def _either(item: Mapping[str, Any], key: str, other: str) -> Any:
    """What stands under a key, or under another where nothing does, as in tables of records of several forms."""
    return item.get(other) if item.get(key) is None else item[key]


def _answer(item: Mapping[str, Any], content: Any, where: str, render_json: bool) -> Turn:
    calls = [
        call for key in CALL_KEYS if item.get(key) not in (*EMPTY, "null") for call in read_calls(item[key], where)
    ]
    if are_parts(content):
        said = read_parts(content, where)
    elif content is None and calls:
        said = Said()
    else:
        said = Said(read_text(content, where, render_json))
    thought = reasoning(item, where) or said.thought
    calls += said.calls
    text = "" if calls and not said.text.strip() else said.text
    return Turn("assistant", joined_thought(thought, text, where), calls=compact(calls) if calls else "")


def reasoning(value: Mapping[str, Any], where: str) -> str:
    """The thought that an answer, or a record of one, has under a key of its own; "": none.

    Raises:
        RecordError: "ambiguous fields", or "content is not text".
    """
    held = {key: value[key] for key in REASONING if value.get(key) not in (*EMPTY, False, "null")}
    for key, thought in held.items():
        if are_parts(thought):
            held[key] = read_text(thought, f"{key!r} of {where}")
        elif not isinstance(thought, str):
            raise RecordError(NOT_TEXT, f"{key!r} of {where} is no text, as a thought is")
    if len(set(held.values())) > 1:
        raise RecordError("ambiguous fields", f"each of {', '.join(held)} could be the thought of {where}")
    return next(iter(held.values()), "")


def joined_thought(thought: str, text: str, where: str) -> str:
    """The text of an answer that begins with the thought.

    Raises:
        RecordError: "ambiguous fields".
    """
    if thought.strip() and split_thought(text) is not None:
        raise RecordError("ambiguous fields", f"{where} has a thought in its text and another beside it")
    if "</think>" in thought:
        raise RecordError("ambiguous fields", f"the thought of {where} holds </think>, the mark of its own end")
    return with_thought(thought, text)


def _label(item: Mapping[str, Any], key: str) -> str:
    return "" if item.get(key) is None else str(item[key])


def conversation(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns, if they are a conversation: tools or none, a system turn or none, then user and assistant in turn,
    with results of tools after an answer, and an answer last. Calls on their own are joined to the answer before them.

    Raises:
        RecordError: "wrong order of roles", "no answer", "empty response" or, of an answer and its call that count
            differently, "ambiguous fields".
    """
    joined = _joined_calls(turns)
    before = "start"
    for turn in joined:
        if turn.role not in FOLLOWS[before]:
            expected = " or ".join(role for role in FOLLOWS[before] if role not in ("system", TOOLS))
            hint = "; a document is learned whole under `text`" if len(joined) == 1 else ""
            raise RecordError("wrong order of roles", f"expected {expected}, found {turn.role}: {_roles(joined)}{hint}")
        before = turn.role
    if before != "assistant":
        raise RecordError("no answer", f"the last turn must be the assistant's: {_roles(joined)}")
    if any(turn.role == "assistant" and not (turn.calls or _said(turn.content).strip()) for turn in joined):
        raise RecordError("empty response", "an assistant turn is empty, or a thought alone")
    return tuple(joined)


def _said(content: str) -> str:
    parts = split_thought(content)
    return content if parts is None else parts.said


FOLLOWS = {
    "start": (TOOLS, "system", "user"),
    TOOLS: ("system", "user"),
    "system": ("user",),
    "user": ("assistant",),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool", "user"),
}
"""Which roles may follow which."""


def _joined_calls(turns: Sequence[Turn]) -> list[Turn]:
    joined: list[Turn] = []
    for turn in turns:
        if turn.role != CALL:
            joined.append(turn)
        elif joined and joined[-1].role == "assistant":
            before = joined[-1]
            calls = f"{before.calls[:-1]},{turn.calls[1:]}" if before.calls else turn.calls
            if turn.weight != before.weight:
                raise RecordError("ambiguous fields", "an answer and the call that follows it have different weights")
            joined[-1] = before._replace(calls=calls)
        else:
            joined.append(turn._replace(role="assistant"))
    return joined


def _roles(turns: Sequence[Turn]) -> str:
    return ", ".join(turn.role for turn in turns)[:200]
