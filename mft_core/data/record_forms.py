"""Forms of training records: one JSON object to one `Record`.

Recognised, in this order: a list of turns under `messages` (OpenAI), `chat_rounds` (MFTCoder) or `conversations`
(ShareGPT); a prompt and a response under any of their usual names; `segments`; plain `text`; whatever a recipe's
columns bring under these keys, and `usual_keys` of other tools' forms. What a turn says is never altered.
Of the other keys, those that would change what is learned refuse the record; `record_fields` knows them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from mft_core.data import record_fields
from mft_core.data.columns import PROMPTS, RESPONSES, SYSTEMS, TURN_LISTS, Shaped, shaped
from mft_core.data.content_parts import NOT_TEXT, read_text
from mft_core.data.hermes_text import from_hermes_text
from mft_core.data.preferences import CHOSEN, HISTORY, is_role_object, is_turn_list, with_chosen
from mft_core.data.record_weights import weighted
from mft_core.data.segments import SEGMENTS, has_segments, read_segments
from mft_core.data.task_field import without_task_field
from mft_core.data.tool_calls import from_text, read_tools
from mft_core.data.turns import REASONING, TOOLS, conversation, joined_thought, read_turn, reasoning
from mft_core.data.usual_keys import (
    CONVERSATION,
    LIST_OF_OBJECTS,
    PROBLEMS,
    of_no_form,
    refuse_half,
    turns_in,
    under_usual_keys,
    with_results_apart,
)
from mft_core.errors import RecordError
from mft_core.records import Record, Turn
from mft_core.support.reading import AS_IT_IS, RecordForm
from mft_core.support.thoughts import split_thought

TOOL_KEYS = (TOOLS, "functions")
USED = frozenset((*TURN_LISTS, *PROMPTS, *RESPONSES, *SYSTEMS, HISTORY))
RECORD_KEYS = USED | {"text", SEGMENTS, CONVERSATION, *PROBLEMS, *CHOSEN}
"""A value that has none of them is no record of a known form."""
CONTENT_KEYS = RECORD_KEYS | {*TOOL_KEYS, *REASONING}
MAYBE_TURNS = (*TURN_LISTS, "prompt", *CHOSEN)
USED_BESIDE_TURNS = frozenset(TOOL_KEYS)
USED_BESIDE_A_PAIR = frozenset((*TOOL_KEYS, *REASONING))

JOINED = {(first, second) for first in ("prompt", "instruction") for second in ("query", "input")}
"""Prompt fields that belong together, as Alpaca's instruction and its input do; joined by a newline."""


def parse_record(value: Any, origin: str, form: RecordForm = AS_IT_IS) -> Record:
    """One parsed JSON line as a record.

    Args:
        value: what `parse_line` gave.
        origin: "file:line".
        form: what a recipe says of the task's records.

    Raises:
        RecordError: "not an object", "unknown form", "missing prompt", "missing response", "missing column NAME",
            "ambiguous fields", "content is not text", "unsupported content KIND", "unknown role",
            "wrong order of roles", "wrong order of parts", "bad tools", "bad tool call", "no answer",
            "empty response", "empty text", "bad segments", "bad weight" or "unsupported field KEY".
    """
    return parse_shaped(shape(value, form), origin, form)


def parse_shaped(given: Shaped, origin: str, form: RecordForm = AS_IT_IS) -> Record:
    """`parse_record` of what `shape` gave."""
    value = given.value
    for key in TURN_LISTS:
        if value.get(key) is not None:
            _refuse_unsupported(value, USED_BESIDE_TURNS)
            record = _record(_listed_turns(value, key, form), origin, form)
            _refuse_second_form(value, key, record.turns)
            return weighted(record, value)
    if _present(value, PROMPTS) or _present(value, RESPONSES):
        _refuse_unsupported(value, USED_BESIDE_A_PAIR)
        return weighted(_record(_pair(value, form), origin, form), value)
    if has_segments(value) and not value.get("text"):
        _refuse_unsupported(value, set())
        text, segments = read_segments(value)
        return weighted(Record(text=text, segments=segments, origin=origin), value)
    if "text" in value:
        _refuse_unsupported(value, {"label"})  # a class, not a verdict
        if all(key != "text" for key, _ in form.columns):
            refuse_half(value)
        return weighted(Record(text=_plain_text(value["text"]), origin=origin), value)
    record_fields.refuse_unsupported(value, "the record")
    raise of_no_form(value)


def is_turn(value: Any) -> bool:
    """Whether it is a turn of a conversation: an object with a role."""
    return is_role_object(value) and RECORD_KEYS.isdisjoint(value)


def unread_keys(value: Any, form: RecordForm = AS_IT_IS) -> Iterator[str]:
    """Keys of a record that `parse_record` took, which hold something that it did not use and that is not known to be
    harmless."""
    return unread_of_shaped(shape(value, form))


def unread_of_shaped(given: Shaped) -> Iterator[str]:
    """`unread_keys` of what `shape` gave."""
    value, left = given
    yield from left
    in_turns = bool(_present(value, TURN_LISTS))
    if in_turns or _present(value, PROMPTS) or _present(value, RESPONSES):
        used = USED | (USED_BESIDE_TURNS if in_turns else USED_BESIDE_A_PAIR)
    else:
        used = frozenset({"text"} if value.get("text") else {SEGMENTS} if has_segments(value) else ())
    if "target" in used and value.get("target") and value.get("source"):
        yield "source"  # the text that the target is made of, such as what is to be translated
    yield from record_fields.unread_keys(value, used, TURN_LISTS)


def content_digest(record: Record) -> bytes:
    """8 bytes that are equal for records that say the same with the same weights, whatever file, form or extra keys
    they came in."""
    hasher = hashlib.blake2b(digest_size=8)
    parts = [("text", record.text, 1.0)] if record.text is not None else list(_parts(record))
    for role, content, weight in parts:
        encoded = content.encode("utf-8")
        hasher.update(f"{role}:{len(encoded)}:".encode())
        hasher.update(encoded)
        if weight != 1.0:
            hasher.update(f"weight:{weight!r}:".encode())
    if record.segments:
        hasher.update(f"segments:{record.segments!r}:".encode())
    if record.weight != 1.0:
        hasher.update(f"record weight:{record.weight!r}:".encode())
    return hasher.digest()


def folded_digest(record: Record) -> bytes:
    """8 bytes that are equal also for records that differ in white space alone: how much of it there is, which, and
    what of it stands around a text; or in their weights.
    """
    if record.text is not None:
        return content_digest(Record(text=_folded(record.text), segments=record.segments))
    return content_digest(
        Record(turns=tuple(turn._replace(content=_folded(turn.content), weight=1.0) for turn in record.turns))
    )


def _folded(text: str) -> str:
    return " ".join(text.split())


def _parts(record: Record) -> Iterator[tuple[str, str, float]]:
    for turn in record.turns:
        yield turn.role, turn.content, turn.weight
        if turn.calls:
            yield "calls", turn.calls, 1.0


def shape(value: Any, form: RecordForm = AS_IT_IS) -> Shaped:
    """One parsed JSON line under the keys of a known form, with lists of turns that are given as text read.

    Raises:
        RecordError: as `parse_record`.
    """
    value = {TURN_LISTS[0]: value} if isinstance(value, list) and value and is_turn(value[0]) else value
    if not isinstance(value, dict):
        raise RecordError("not an object", f"a line must be a JSON object, this one is a {type(value).__name__}")
    value, left = shaped(without_task_field(value, form, CONTENT_KEYS), form)
    for key in MAYBE_TURNS:
        if isinstance(value.get(key), str) and LIST_OF_OBJECTS.match(value[key]):
            turns = turns_in(value[key], key)
            value = {**value, key: turns if is_turn_list(turns) or key in TURN_LISTS else value[key]}
    value = with_chosen(value) if form.preference == "chosen" else value
    return Shaped(under_usual_keys(_prompt_of_turns(value)), left)


def _prompt_of_turns(value: dict[str, Any]) -> dict[str, Any]:
    """A prompt or a completion that are turns themselves, as TRL has them, as one list of turns."""
    if list not in map(type, value.values()):
        return value
    prompts, responses = _present(value, PROMPTS), _present(value, RESPONSES)
    if len(prompts) != 1 or len(responses) != 1:
        return value
    asked, answer = value[prompts[0]], value[responses[0]]
    if is_turn_list(asked) and isinstance(answer, str) and LIST_OF_OBJECTS.match(answer):
        given = turns_in(answer, responses[0])
        answer = given if is_turn_list(given) else answer
    if not is_turn_list(asked) and not is_turn_list(answer):
        return value
    before = asked if is_turn_list(asked) else [{"role": "user", "content": asked}]
    turns = answer if is_turn_list(answer) else [{"role": "assistant", "content": answer}]
    rest = {key: content for key, content in value.items() if key not in (*prompts, *responses)}
    return {**rest, TURN_LISTS[0]: [*before, *turns]}


def _present(value: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    """Those of `keys` that the record has and that hold something."""
    return [key for key in keys if value.get(key) not in (None, "")]


def _refuse_unsupported(value: Mapping[str, Any], used: frozenset[str] | set[str]) -> None:
    record_fields.refuse_unsupported({key: held for key, held in value.items() if key not in used}, "the record")


def _record(turns: list[Turn], origin: str, form: RecordForm) -> Record:
    turns = from_hermes_text(turns)
    if form.system and all(turn.role != "system" for turn in turns):
        tools = [turn for turn in turns[:1] if turn.role == TOOLS]
        turns = [*tools, Turn("system", form.system), *turns[len(tools) :]]
    if form.reasoning != "none":
        return Record(turns=conversation(turns), origin=origin)
    kept = [_without_thought(turn) if turn.role == "assistant" else turn for turn in turns]
    left_out = sum(one is not other for one, other in zip(kept, turns, strict=True))
    return Record(turns=conversation(kept), origin=origin, thoughts_left_out=left_out)


def _without_thought(turn: Turn) -> Turn:
    parts = split_thought(turn.content)
    return turn if parts is None else turn._replace(content=parts.said.lstrip())


def _listed_turns(value: Mapping[str, Any], key: str, form: RecordForm) -> list[Turn]:
    items = value[key]
    if not isinstance(items, list) or not items:
        raise RecordError("no answer", f"`{key}` is not a list of turns, or is empty")
    turns = [read_turn(item, number, form.render_json) for number, item in enumerate(with_results_apart(items), 1)]
    return [*_tools(value), *_system(value, form), *turns]


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


def _pair(value: Mapping[str, Any], form: RecordForm) -> list[Turn]:
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
    prompt = "\n".join(read_text(value[key], key, form.render_json) for key in prompts)
    said = read_text(value[responses[0]], responses[0], form.render_json)
    answer = Turn("assistant", joined_thought(reasoning(value, "the record"), said, "the record"))
    return [*_tools(value), *_system(value, form), *_history(value, form), Turn("user", prompt), answer]


def _tools(value: Mapping[str, Any]) -> list[Turn]:
    named = [tools for key in TOOL_KEYS if (tools := read_tools(value.get(key), key))]
    if len(set(named)) > 1:
        raise RecordError("ambiguous fields", f"each of {', '.join(TOOL_KEYS)} could be the tools")
    return [Turn(TOOLS, tools) for tools in named[:1]]


def _system(value: Mapping[str, Any], form: RecordForm) -> list[Turn]:
    keys = _present(value, SYSTEMS)
    if len(keys) > 1:
        raise RecordError("ambiguous fields", f"each of {', '.join(keys)} could be the system message")
    return [Turn("system", read_text(value[key], key, form.render_json)) for key in keys]


def _history(value: Mapping[str, Any], form: RecordForm) -> list[Turn]:
    """Earlier rounds in Alpaca-like sets: `history`, a list of [prompt, response], or of turns."""
    turns, pairs = [], from_text(value.get(HISTORY) or [], "wrong order of roles", f"`{HISTORY}`") or []
    if not isinstance(pairs, list):
        raise RecordError("wrong order of roles", f"`{HISTORY}` is not a list of [prompt, response]")
    if is_turn_list(pairs):
        return [read_turn(item, number, form.render_json) for number, item in enumerate(pairs, 1)]
    for number, pair in enumerate(pairs, 1):
        if not isinstance(pair, list) or len(pair) != 2:
            raise RecordError("wrong order of roles", f"round {number} of `history` is not [prompt, response]")
        turns += [
            Turn(role, read_text(content, HISTORY, form.render_json))
            for role, content in zip(("user", "assistant"), pair, strict=True)
        ]
    return turns


def _plain_text(text: Any) -> str:
    if not isinstance(text, str):
        raise RecordError(NOT_TEXT, f"text holds a {type(text).__name__}")
    if not text.strip():
        raise RecordError("empty text", "there is nothing to learn")
    return text
