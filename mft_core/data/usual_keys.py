"""Forms of records that other tools document, brought under the keys that records have here.

Each is read only where a record has nothing under the usual keys, so that no record says two things.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mft_core.data.columns import PROMPTS, RESPONSES, SYSTEMS, TURN_LISTS
from mft_core.errors import RecordError

UNKNOWN_FORM = "unknown form"
PROBLEMS, SOLUTIONS = ("problem",), ("solution", "targets")
"""Keys of a prompt and a response in sets of mathematics and in ms-swift's."""
CONVERSATION = "conversation"
ASKS, SAYS = ("human", "user"), ("assistant", "gpt", "bot")
"""Keys of a round that is one object."""
RESULT = "tool_result"
ROLE_KEYS = frozenset({"role", "from"})


def under_usual_keys(value: dict[str, Any]) -> dict[str, Any]:
    """The record as it is, but for a form of another tool: `INSTRUCTION` and `RESPONSE` in capitals, `problem` with
    `solution`, or rounds under `conversation`.
    """
    if not _holds(value, (*TURN_LISTS, *PROMPTS, *RESPONSES, "text")):
        value = _in_small_letters(value)
        if _is_list_of_objects(value.get(CONVERSATION)):
            value = _renamed(value, CONVERSATION, TURN_LISTS[0])
    if not _holds(value, TURN_LISTS):
        value = _with_problem(value)
    for key in TURN_LISTS:
        if _are_rounds(value.get(key)):
            value = {**value, key: [turn for item in value[key] for turn in _turns_of_round(item)]}
    return value


def with_results_apart(items: list[Any]) -> Iterator[Any]:
    """Turns, of which one of the user's that holds results of tools, as Anthropic has it, is a turn for each of them
    and then one for what else it says.

    Raises:
        RecordError: "wrong order of parts".
    """
    for number, item in enumerate(items, 1):
        parts = item.get("content") if isinstance(item, dict) else None
        if not isinstance(parts, list) or not any(_is_result(part) for part in parts):
            yield item
            continue
        first_other = next((place for place, part in enumerate(parts) if not _is_result(part)), len(parts))
        if any(_is_result(part) for part in parts[first_other:]):
            raise RecordError("wrong order of parts", f"turn {number} has a text before the result of a tool")
        for part in parts[:first_other]:
            yield {"role": "tool", "tool_call_id": part.get("tool_use_id"), "content": part.get("content")}
        if parts[first_other:]:
            yield {**item, "content": parts[first_other:]}


def of_no_form(value: Mapping[str, Any]) -> RecordError:
    """Why a record that has nothing under any usual key is refused: they are not there, or hold nothing."""
    if empty := [key for key in (*TURN_LISTS, *PROMPTS, *RESPONSES) if key in value]:
        return RecordError("empty response", f"there is nothing to learn: {', '.join(empty)} hold nothing")
    return RecordError(UNKNOWN_FORM, f"none of the known fields among: {', '.join(sorted(map(str, value)))[:200]}")


def _is_result(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == RESULT


def _holds(value: Mapping[str, Any], keys: Collection[str]) -> bool:
    return any(value.get(key) not in (None, "") for key in keys)


def _in_small_letters(value: dict[str, Any]) -> dict[str, Any]:
    """Keys in capitals that are usual ones in small letters."""
    known = {*PROMPTS, *RESPONSES, *SYSTEMS}
    small = {key: key.lower() for key in value if key.isupper() and key.lower() in known and key.lower() not in value}
    return {small.get(key, key): held for key, held in value.items()}


def _with_problem(value: dict[str, Any]) -> dict[str, Any]:
    pairs = all(_holds(value, keys) for keys in ((*PROMPTS, *PROBLEMS), (*RESPONSES, *SOLUTIONS)))
    if not pairs and not value.get("text"):
        return value  # what is missing is not named by a key that the record does not have
    for others, usual in ((PROBLEMS, PROMPTS), (SOLUTIONS, RESPONSES)):
        named = [key for key in others if _holds(value, (key,))]
        if len(named) == 1 and not _holds(value, usual):
            value = _renamed(value, named[0], usual[0])
    return value


def _renamed(value: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: held for key, held in value.items() if key != new}


def _is_list_of_objects(held: Any) -> bool:
    return isinstance(held, list) and bool(held) and all(isinstance(item, dict) for item in held)


def _are_rounds(held: Any) -> bool:
    return isinstance(held, list) and bool(held) and all(isinstance(item, dict) and _is_round(item) for item in held)


def _is_round(item: Mapping[str, Any]) -> bool:
    return ROLE_KEYS.isdisjoint(item) and all(sum(key in item for key in keys) == 1 for keys in (ASKS, SAYS))


def _turns_of_round(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What else the round has, such as a weight, is the answer's."""
    asked, said = (next(key for key in keys if key in item) for keys in (ASKS, SAYS))
    rest = {key: held for key, held in item.items() if key not in (asked, said)}
    yield {"role": "user", "content": item[asked]}
    yield {"role": "assistant", "content": item[said], **rest}
