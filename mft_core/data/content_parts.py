"""What a turn or a field says: a text, a scalar, or a list of typed parts, read into text, thought and calls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mft_core.data.record_weights import SWITCHES, WEIGHTS, is_switch, is_switched_on
from mft_core.data.tool_calls import compact, read_calls
from mft_core.errors import RecordError

NOT_TEXT = "content is not text"
TEXTS = frozenset({"text", "input_text", "output_text"})
THOUGHTS = frozenset({"reasoning", "thinking", "thought"})
CALLS = frozenset({"tool_call", "tool_use", "function_call"})
CONTENTS = ("text", "value", "content", "thinking", "reasoning", "thought")
"""Keys of a part that may hold its text."""


@dataclass(slots=True)
class Said:
    """What a turn says, in its parts."""

    text: str = ""
    thought: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)


def read_text(content: Any, where: str, render_json: bool = False) -> str:
    """A text as it is, a number or a boolean as its JSON text, and parts that are texts joined.

    Args:
        content: any JSON value.
        where: which field or turn it is, for messages.
        render_json: any other list or object is its compact JSON.

    Raises:
        RecordError: "content is not text", or "unsupported content KIND".
    """
    if are_parts(content):
        said = read_parts(content, where)
        if said.thought or said.calls:
            raise RecordError(NOT_TEXT, f"{where} holds a thought or a call of a tool, which only an answer may")
        return said.text
    if isinstance(content, str):
        return content
    if isinstance(content, float) and not math.isfinite(content):
        raise RecordError(NOT_TEXT, f"{where} holds a number that is too large")
    if isinstance(content, (bool, int, float)) or (render_json and isinstance(content, (dict, list))):
        return compact(content)
    kind = {dict: "an object", list: "a list", type(None): "null"}.get(type(content), type(content).__name__)
    hint = "" if content is None else ": set data.render_json = true to learn its compact JSON"
    raise RecordError(NOT_TEXT, f"{where} holds {kind}{hint}")


def are_parts(content: Any) -> bool:
    """Whether it is a list of typed parts, and of texts between them."""
    return (
        isinstance(content, list)
        and any(isinstance(part, dict) for part in content)
        and all(isinstance(part, str) or (isinstance(part, dict) and _is_part(part)) for part in content)
    )


def _is_part(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("type"), str) and (part["type"] in TEXTS | THOUGHTS | CALLS or len(part) > 1)


def read_parts(parts: list[Any], where: str) -> Said:
    """Texts joined as they are, thoughts, which stand before them, and calls of tools, which stand after them.

    Raises:
        RecordError: "unsupported content KIND" for a picture or sound, "content is not text", "wrong order of parts" or
            "bad tool call".
    """
    said = Said()
    for part in parts:
        kind = "text" if isinstance(part, str) else part["type"]
        _refuse_weight(part, where)
        if kind in CALLS:
            said.calls += read_calls(part.get("value", part.get(kind, part)), where)
        elif kind in THOUGHTS:
            _refuse_late(bool(said.text or said.calls), where, "a thought after what is said")
            said.thought += _text(part, where)
        elif kind in TEXTS:
            _refuse_late(bool(said.calls), where, "a text after a call of a tool")
            said.text += _text(part, where)
        else:
            raise RecordError(f"unsupported content {kind[:40]}", f"{where} has a part of the type {kind!r}, not text")
    return said


def _text(part: Any, where: str) -> str:
    held = [part] if isinstance(part, str) else [part[key] for key in CONTENTS if part.get(key) is not None]
    if len(held) != 1 or not isinstance(held[0], str):
        raise RecordError(NOT_TEXT, f"{where} has a part without one text: {compact(part)[:200]}")
    return held[0]


def _refuse_weight(part: Any, where: str) -> None:
    for key, held in part.items() if isinstance(part, dict) else ():
        if key.lower() in (*WEIGHTS, *SWITCHES) and is_switch(held) and not is_switched_on(held):
            raise RecordError(f"unsupported field {key[:40]}", f"{where} has {key!r} in a part: a turn has one weight")


def _refuse_late(late: bool, where: str, what: str) -> None:
    if late:
        raise RecordError("wrong order of parts", f"{where} has {what}, where no chat template shows it")
