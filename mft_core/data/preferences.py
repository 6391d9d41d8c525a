"""Pairs of a chosen and a rejected answer, read as the conversation that ends with the chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mft_core.data.columns import EMPTY, PROMPTS, RESPONSES, TURN_LISTS
from mft_core.errors import RecordError

CHOSEN = ("chosen", "chosen_response", "chosen_output", "response_chosen")
REJECTED = (
    "rejected", "rejected_response", "rejected_output", "rejected_messages", "response_rejected", "margin",
    "score_chosen", "score_rejected", "chosen_rating", "rejected_rating",
)  # fmt: skip
HISTORY = "history"


def is_turn_list(value: Any) -> bool:
    """Whether it is a list of turns: objects with a role."""
    return isinstance(value, list) and bool(value) and all(is_role_object(item) for item in value)


def is_role_object(value: Any) -> bool:
    """Whether it is an object with a role."""
    return isinstance(value, dict) and not {"role", "from"}.isdisjoint(value)


def with_chosen(value: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its chosen answer as the answer, without the rejected one.

    The chosen one may be a text, a turn, or turns with or without those of the prompt. Where there is only a rejected
    one beside an answer, as in ms-swift's sets, the answer is the chosen one.

    Raises:
        RecordError: "ambiguous fields".
    """
    keys = [key for key in CHOSEN if value.get(key) not in EMPTY]
    rest = {key: content for key, content in value.items() if key not in (*REJECTED, *CHOSEN)}
    if not keys:
        return rest
    if len(keys) > 1:
        raise RecordError("ambiguous fields", f"each of {', '.join(keys)} could be the chosen answer")
    chosen = value[keys[0]]
    listed = next((key for key in TURN_LISTS if rest.get(key)), "")
    if not isinstance(chosen, (list, dict)) and not listed:
        return _answered(rest, chosen)
    answer = [chosen] if is_role_object(chosen) else chosen
    if not isinstance(answer, list):
        answer = [{"role": "assistant", "content": chosen}]
    before = rest[listed] if listed else _asked(rest)
    turns = answer if _holds_all(answer, before) else [*before, *answer]
    beside = {key: content for key, content in rest.items() if key != listed and (listed or key not in _ASKED)}
    return {**beside, "messages": turns}


_ASKED = (*PROMPTS, HISTORY)


def _answered(rest: dict[str, Any], chosen: Any) -> dict[str, Any]:
    others = [key for key in RESPONSES if rest.get(key) not in (None, "", chosen)]
    if others:
        raise RecordError("ambiguous fields", f"beside the chosen answer there is another: {', '.join(others)}")
    return {**{key: content for key, content in rest.items() if key not in RESPONSES}, RESPONSES[0]: chosen}


def _asked(rest: Mapping[str, Any]) -> list[Any]:
    """The turns of a prompt: its own, or one of the user's for each text."""
    keys = [key for key in PROMPTS if rest.get(key) not in (None, "")]
    turns: list[Any] = []
    for pair in rest.get(HISTORY) or []:
        if is_role_object(pair):
            turns.append(pair)
            continue
        roles = ("user", "assistant")
        turns += [{"role": role, "content": content} for role, content in zip(roles, pair, strict=False)]
    for key in keys:
        turns += rest[key] if is_turn_list(rest[key]) else [{"role": "user", "content": rest[key]}]
    return turns


def _holds_all(answer: list[Any], before: list[Any]) -> bool:
    """Whether the chosen turns begin with those of the prompt, which then need not be put before them; a list that ends
    with the chosen answer already is the same."""
    return len(answer) > 1 and [_words(turn) for turn in answer[: len(before)]] == [_words(turn) for turn in before]


def _words(turn: Any) -> Any:
    if not isinstance(turn, dict):
        return turn
    content = turn.get("content", turn.get("value"))
    return content.strip() if isinstance(content, str) else content
