"""Records that say nothing out of the ordinary, which most are: read at once, to what `parse_record` gives."""

from __future__ import annotations

from typing import Any

from mft_core.data.columns import PROMPTS, RESPONSES
from mft_core.data.record_fields import HARMLESS
from mft_core.data.record_forms import JOINED
from mft_core.data.turns import conversation
from mft_core.records import Record, Turn

PAIRS: dict[frozenset[str], tuple[tuple[str, ...], str]] = {
    frozenset((*prompts, response)): (prompts, response)
    for prompts in (*((prompt,) for prompt in PROMPTS), *JOINED)
    for response in RESPONSES
}
"""Of the keys of a pair, those of the prompt and that of the response."""
MESSAGES = frozenset({"messages"})
PLAIN_TURN = {"role", "content"}
PLAIN_ROLES = ("system", "user", "assistant")


def usual_record(value: Any, origin: str) -> Record | None:
    """The record of a pair of texts, or of turns of a role and a text; None of anything else.

    Args:
        value: what `parse_line` gave.
        origin: "file:line".

    Raises:
        RecordError: as `mft_core.data.turns.conversation`.
    """
    if not isinstance(value, dict):
        return None
    keys = value.keys() - HARMLESS
    turns = _listed(value["messages"]) if keys == MESSAGES else _pair(value, *PAIRS.get(frozenset(keys), ((), "")))
    return Record(turns=conversation(turns), origin=origin) if turns else None


def _pair(value: dict[str, Any], prompts: tuple[str, ...], response: str) -> list[Turn] | None:
    texts = [value[key] for key in (*prompts, response) if prompts]
    if set(map(type, texts)) != {str} or any(text.lstrip()[:1] == "[" for text in texts):
        return None  # JSON of turns may begin so
    asked, said = [value[key] for key in prompts if value[key]], value[response]
    return [Turn("user", "\n".join(asked)), Turn("assistant", said)] if asked and said else None


def _listed(items: Any) -> list[Turn] | None:
    if not isinstance(items, list) or not all(map(_is_plain, items)):
        return None
    return [Turn(item["role"], item["content"]) for item in items]


def _is_plain(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and item.keys() == PLAIN_TURN
        and isinstance(item["content"], str)
        and item["role"] in PLAIN_ROLES
    )
