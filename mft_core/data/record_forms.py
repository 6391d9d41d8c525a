"""Forms of training records: one JSON object to one `Record`.

Recognised, in this order: a list of turns under `messages` (OpenAI), `chat_rounds` (MFTCoder) or `conversations`
(ShareGPT); a prompt and a response under any of their usual names; plain `text`. What a turn says is never altered.
Of the other keys, those that would change what is learned refuse the record; `record_fields` knows them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from mft_core.data import record_fields
from mft_core.data.record_weights import answer_weight, weighted
from mft_core.errors import RecordError
from mft_core.records import Record, Turn

TURN_LISTS = ("messages", "chat_rounds", "conversations")
PROMPTS = ("prompt", "instruction", "question", "query", "input")
RESPONSES = ("response", "completion", "output", "answer", "target")
SYSTEMS = ("system", "system_prompt")
HISTORY = "history"
USED = frozenset((*TURN_LISTS, *PROMPTS, *RESPONSES, *SYSTEMS, HISTORY))
RECORD_KEYS = USED | {"text"}
"""A value that has none of them is no record of a known form."""

JOINED = {
    ("prompt", "query"),
    ("prompt", "input"),
    ("instruction", "query"),
    ("instruction", "input"),
}
"""Prompt fields that belong together, as Alpaca's instruction and its input do; joined by a newline."""

ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "bot": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}


def parse_record(value: Any, origin: str) -> Record:
    """One parsed JSON line as a record.

    Args:
        value: what `parse_line` gave.
        origin: "file:line".

    Raises:
        RecordError: "not an object", "unknown form", "missing prompt", "missing response", "ambiguous fields",
            "content is not text", "unknown role", "wrong order of roles", "no answer", "empty response",
            "empty text", "bad weight" or "unsupported field KEY".
    """
    value = _as_object(value)
    if not isinstance(value, dict):
        raise RecordError("not an object", f"a line must be a JSON object, this one is a {type(value).__name__}")
    for key in TURN_LISTS:
        if value.get(key) is not None:
            record_fields.refuse_unsupported(value, "the record")
            turns = _checked(_listed_turns(value, key))
            _refuse_second_form(value, key, turns)
            return weighted(Record(turns=turns, origin=origin), value)
    if _present(value, PROMPTS) or _present(value, RESPONSES):
        record_fields.refuse_unsupported(value, "the record")
        return weighted(Record(turns=_checked(_pair(value)), origin=origin), value)
    if "text" in value:
        labels_apart = {name: content for name, content in value.items() if name != "label"}  # a class, not a verdict
        record_fields.refuse_unsupported(labels_apart, "the record")
        return weighted(Record(text=_plain_text(value["text"]), origin=origin), value)
    raise RecordError("unknown form", f"none of the known fields among: {', '.join(sorted(map(str, value)))[:200]}")


def _as_object(value: Any) -> Any:
    """A bare list of turns as the record that it is."""
    return {TURN_LISTS[0]: value} if isinstance(value, list) and value and is_turn(value[0]) else value


def is_turn(value: Any) -> bool:
    """Whether it is a turn of a conversation: an object with a role."""
    return isinstance(value, dict) and not {"role", "from"}.isdisjoint(value) and RECORD_KEYS.isdisjoint(value)


def unread_keys(value: Any) -> Iterator[str]:
    """Keys of a record that `parse_record` took, which hold something that it did not use and that is not known to be
    harmless."""
    value = _as_object(value)
    form = USED if any(_present(value, keys) for keys in (TURN_LISTS, PROMPTS, RESPONSES)) else {"text"}
    if "target" in form and value.get("target") and value.get("source"):
        yield "source"  # the text that the target is made of, such as what is to be translated
    yield from record_fields.unread_keys(value, form, TURN_LISTS)


def content_digest(record: Record) -> bytes:
    """8 bytes that are equal for records that say the same with the same weights, whatever file, form or extra keys
    they came in."""
    hasher = hashlib.blake2b(digest_size=8)
    for turn in record.turns if record.text is None else (Turn("text", record.text),):
        encoded = turn.content.encode("utf-8")
        hasher.update(f"{turn.role}:{len(encoded)}:".encode())
        hasher.update(encoded)
        if turn.weight != 1.0:
            hasher.update(f"weight:{turn.weight!r}:".encode())
    if record.weight != 1.0:
        hasher.update(f"record weight:{record.weight!r}:".encode())
    return hasher.digest()


def folded_digest(record: Record) -> bytes:
    """8 bytes that are equal also for records that differ in white space alone: how much of it there is, which, and
    what of it stands around a text; or in their weights.
    """
    if record.text is not None:
        return content_digest(Record(text=_folded(record.text)))
    return content_digest(Record(turns=tuple(Turn(turn.role, _folded(turn.content)) for turn in record.turns)))


def _folded(text: str) -> str:
    return " ".join(text.split())


def _present(value: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    """Those of `keys` that the record has and that hold something."""
    return [key for key in keys if value.get(key) not in (None, "")]


def _listed_turns(value: Mapping[str, Any], key: str) -> list[Turn]:
    items = value[key]
    if not isinstance(items, list) or not items:
        raise RecordError("no answer", f"`{key}` is not a list of turns, or is empty")
    return _system(value) + [_turn(item, number) for number, item in enumerate(items, 1)]


def _turn(item: Any, number: int) -> Turn:
    if not isinstance(item, dict):
        raise RecordError("not an object", f"turn {number} must be an object with a role and a content")
    name = item.get("role", item.get("from"))
    role = ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise RecordError("unknown role", f"turn {number} has the role {name!r}; known: {', '.join(ROLES)}")
    where = f"turn {number}"
    is_answer = role == "assistant"
    record_fields.refuse_unsupported_turn(item, where, is_answer)
    if item.get("content") and item.get("value") and item["content"] != item["value"]:
        raise RecordError("ambiguous fields", f"{where} says one thing in `content` and another in `value`")
    content = _string(item.get("content", item.get("value")), where)
    return Turn(role, content, answer_weight(item, where)) if is_answer else Turn(role, content)


def _refuse_second_form(value: Mapping[str, Any], key: str, turns: tuple[Turn, ...]) -> None:
    """Refuse what could be learned as well as the turns under `key`, unless they say it."""
    others = [other for other in (*TURN_LISTS, HISTORY) if other != key and value.get(other)]
    others += [
        other
        for other in _present(value, PROMPTS + RESPONSES)
        if not any(str(value[other]).strip() in turn.content for turn in turns)
    ]
    if others:
        raise RecordError("ambiguous fields", f"beside `{key}` there is more to learn: {', '.join(others)}")


def _pair(value: Mapping[str, Any]) -> list[Turn]:
    prompts, responses = _present(value, PROMPTS), _present(value, RESPONSES)
    if len(prompts) > 1 and tuple(prompts) not in JOINED:
        raise RecordError("ambiguous fields", f"each of {', '.join(prompts)} could be the prompt")
    if len(responses) > 1:
        raise RecordError("ambiguous fields", f"each of {', '.join(responses)} could be the response")
    if not responses:
        if any(key in value for key in RESPONSES):
            raise RecordError("empty response", "there is nothing to learn")
        raise RecordError("missing response", f"there is a {prompts[0]!r}, but none of: {', '.join(RESPONSES)}")
    if all(value.get(key) is None for key in PROMPTS):
        raise RecordError("missing prompt", f"there is a {responses[0]!r}, but none of: {', '.join(PROMPTS)}")
    prompt = "\n".join(_string(value[key], key) for key in prompts)
    answer = Turn("assistant", _string(value[responses[0]], responses[0]))
    return [*_system(value), *_history(value), Turn("user", prompt), answer]


def _system(value: Mapping[str, Any]) -> list[Turn]:
    keys = _present(value, SYSTEMS)
    if len(keys) > 1:
        raise RecordError("ambiguous fields", f"each of {', '.join(keys)} could be the system message")
    return [Turn("system", _string(value[key], key)) for key in keys]


def _history(value: Mapping[str, Any]) -> list[Turn]:
    """Earlier rounds in Alpaca-like sets: `history`, a list of [prompt, response]."""
    turns = []
    for number, pair in enumerate(value.get(HISTORY) or [], 1):
        if not isinstance(pair, list) or len(pair) != 2:
            raise RecordError("wrong order of roles", f"round {number} of `history` is not [prompt, response]")
        turns += [
            Turn(role, _string(content, HISTORY)) for role, content in zip(("user", "assistant"), pair, strict=True)
        ]
    return turns


def _plain_text(text: Any) -> str:
    if not _string(text, "text").strip():
        raise RecordError("empty text", "there is nothing to learn")
    return text


def _string(content: Any, where: str) -> str:
    if not isinstance(content, str):
        raise RecordError("content is not text", f"{where} holds a {type(content).__name__}")
    return content


def _checked(turns: list[Turn]) -> tuple[Turn, ...]:
    """The turns, if they are a conversation: a system turn or none, then user and assistant in turn, an answer last."""
    rounds = turns[1:] if turns[0].role == "system" else turns
    for position, turn in enumerate(rounds):
        expected = ("user", "assistant")[position % 2]
        if turn.role != expected:
            raise RecordError("wrong order of roles", f"expected {expected}, found {turn.role}: {_roles(turns)}")
    if not rounds or rounds[-1].role != "assistant":
        raise RecordError("no answer", f"the last turn must be the assistant's: {_roles(turns)}")
    if any(turn.role == "assistant" and not turn.content.strip() for turn in turns):
        raise RecordError("empty response", "an assistant turn is empty")
    return tuple(turns)


def _roles(turns: list[Turn]) -> str:
    return ", ".join(turn.role for turn in turns)[:200]
