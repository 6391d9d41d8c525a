"""Forms of records that other tools document, brought under the keys that records have here.

Each is read only where a record has nothing under the usual keys, so that no record says two things.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mft_core.data.columns import PROMPTS, RESPONSES, SYSTEMS, TURN_LISTS
from mft_core.data.tool_calls import from_text
from mft_core.data.turns import ROLES
from mft_core.errors import RecordError

UNKNOWN_FORM = "unknown form"
PROBLEMS, SOLUTIONS = ("problem",), ("solution", "targets")
"""Keys of a prompt and a response in sets of mathematics and in ms-swift's."""
CONVERSATION = "conversation"
ASKS, SAYS = ("human", "user", "input"), ("assistant", "gpt", "bot", "output")
"""Keys of a round that is one object, the last as in Capybara."""
LIST_OF_OBJECTS = re.compile(r'\s*\[\s*\{\s*"')
RESULT = "tool_result"
ROLE_KEYS = frozenset({"role", "from"})


def under_usual_keys(value: dict[str, Any]) -> dict[str, Any]:
    """The record as it is, but for a form of another tool: `INSTRUCTION` and `RESPONSE`, or `Instruction` and
    `Response`, `problem` with `solution`, rounds under `conversation`, or turns as an object of lists.
    """
    if not _holds(value, (*TURN_LISTS, *PROMPTS, *RESPONSES, "text")):
        value = _in_small_letters(value)
        if _is_list_of_objects(value.get(CONVERSATION)):
            value = _renamed(value, CONVERSATION, TURN_LISTS[0])
    if not _holds(value, TURN_LISTS):
        value = _with_problem(value)
    for key in TURN_LISTS:
        if _are_lists(value.get(key)):
            value = {**value, key: _turns_of_lists(value[key])}
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


def turns_in(text: str, key: str) -> Any:
    """What a text that begins as JSON of turns holds.

    Raises:
        RecordError: "bad JSON", where nothing else can be meant by the key.
    """
    if key in TURN_LISTS:
        return from_text(text, "bad JSON", f"`{key}`")
    try:
        return from_text(text, "", "")
    except RecordError:
        return None


def of_no_form(value: Mapping[str, Any]) -> RecordError:
    """Why a record that has nothing under any usual key is refused: they are not there, or hold nothing."""
    if empty := [key for key in (*TURN_LISTS, *PROMPTS, *RESPONSES) if key in value]:
        return RecordError("empty response", f"there is nothing to learn: {', '.join(empty)} hold nothing")
    return RecordError(UNKNOWN_FORM, f"none of the known fields among: {', '.join(sorted(map(str, value)))[:200]}")


def refuse_half(value: Mapping[str, Any]) -> None:
    """Refuse a text that is but a question, as in MBPP, or one turn of a conversation in rows of their own.

    Raises:
        RecordError: "ambiguous fields".
    """
    if _holds(value, ("code",)):
        how = 'columns = {prompt = "text", response = "code"} learns the code, columns = {text = "text"} the text alone'
        raise RecordError("ambiguous fields", f"beside `text` there is `code`: {how}")
    if isinstance(value.get("role"), str) and value["role"].lower() in ROLES:
        how = 'a conversation is one record, of `messages`; columns = {text = "text"} learns each text as a document'
        raise RecordError("ambiguous fields", f"`text` with a `role` is one turn alone: {how}")


def _is_result(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == RESULT


def _holds(value: Mapping[str, Any], keys: Collection[str]) -> bool:
    return any(value.get(key) not in (None, "") for key in keys)


def _in_small_letters(value: dict[str, Any]) -> dict[str, Any]:
    """Keys in capitals, or with a capital first, that are usual ones in small letters."""
    known = {*PROMPTS, *RESPONSES, *SYSTEMS}
    written = [
        key for key in value if (key.isupper() or key == key.capitalize()) and key.lower() in known - value.keys()
    ]
    small = {key: key.lower() for key in written}
    if len(set(small.values())) < len(small):
        return value  # one key in two ways
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


def _are_lists(held: Any) -> bool:
    """Whether it is an object of lists of one length, as tables keep lists of objects, with a list of roles."""
    if not isinstance(held, dict) or ROLE_KEYS.isdisjoint(held):
        return False
    lists = list(held.values())
    return all(isinstance(each, list) for each in lists) and len({len(each) for each in lists}) == 1


def _turns_of_lists(held: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(held, row, strict=True)) for row in zip(*held.values(), strict=True)]


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
