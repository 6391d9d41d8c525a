"""Keys of a record beside its text: those that would change what is learned, those known to be harmless, the others.

How much a record counts is `record_weights`' subject. A key that asks for something that is not supported is a reason
to refuse the record: dropped unseen, the model would learn what the author of the data did not mean.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from mft_core.data.record_weights import SWITCHES, WEIGHTS, is_switch, is_switched_off, is_switched_on
from mft_core.errors import RecordError

TURN_KEYS = frozenset({
    "role", "from", "content", "value", "tool_calls", "function_call", "tool_call_id", "reasoning_content", "reasoning",
    "thinking", "thought",
})  # fmt: skip
RESULTS = ("tool", "function")
"""Roles of turns that may name the tool whose result they are."""

HARMLESS = frozenset({
    "id", "_id", "idx", "index", "uid", "uuid", "guid", "oid", "task_id", "prompt_id", "question_id", "sample_id",
    "data_id", "message_id", "conversation_id", "dialog_id", "dialogue_id", "session_id", "user_id", "row_id",
    "parent_id", "task", "task_name", "task_type", "source", "sources", "origin", "dataset", "dataset_name",
    "data_source", "subset", "split", "config", "category", "categories", "subcategory", "type", "kind", "domain",
    "topic", "topics", "subject", "tag", "tags", "keywords", "title", "difficulty", "level", "language", "lang",
    "locale", "programming_language", "license", "licence", "url", "uri", "link", "repo", "repo_name", "path",
    "file", "filename", "file_name", "module", "qualname", "commit", "author", "authors", "model", "model_name",
    "generator", "created", "created_at", "updated_at", "timestamp", "date", "time", "version", "metadata", "meta",
    "extra", "extra_info", "info", "comment", "comments", "note", "notes", "length", "num_tokens", "token_count",
    "n_tokens", "num_turns", "turn_count", "tokens_count", "hash", "md5", "sha", "sha1", "sha256", "db", "db_id",
    "score", "scores", "quality", "rank", "rating", "upvotes",
})  # fmt: skip
"""Keys that say where a record comes from or what it is like, and nothing to be learned, unless what they hold does."""
LONGEST_LABEL = 200
"""Characters of a single line; what is longer under a harmless key may be a text that belongs to the question."""


def _set(value: Any) -> bool:
    """Whether the key holds anything: null, "", [] and {} do not, nor do these written as text."""
    held = value.strip() if isinstance(value, str) else value
    return held is not None and held not in ("", "[]", "{}", "null", [], {})


def _given(value: Any) -> bool:
    """The same, where false says nothing either."""
    return value is not False and _set(value)


Asks = Callable[[Any], bool]


def _table(*rows: tuple[str, Asks, str]) -> dict[str, tuple[Asks, str]]:
    return {key: (asks, meaning) for keys, asks, meaning in rows for key in keys.split()}


UNSUPPORTED = _table(
    ("tools functions tool_calls tool_call tool_call_id function_call tool_responses", _given, "calls of tools"),
    ("loss_mask mask masked train_detail ignore_loss prefix", _given, "text to be left out of the loss"),
    (
        "reasoning_content reasoning thinking thought thoughts chain_of_thought cot",
        _given,
        "thoughts beside the answer",
    ),
    ("label kto_tag desirable", is_switched_off, "an answer that is not to be learned"),
    (
        "chosen rejected chosen_response rejected_response rejected_output rejected_messages",
        _given,
        'a preference between answers: data.preference = "chosen" learns the chosen one',
    ),
    (
        "context contexts document documents passage passages background schema",
        _given,
        "a text that belongs to the question: put it there with data.columns",
    ),
    ("image images video videos audio audios objects", _given, "pictures, sound or films"),
    (
        "chat_template chat_template_kwargs enable_thinking continue_final_message",
        _set,
        "settings of the chat template",
    ),
)
"""Keys that change what is to be learned: where their value says so, and what it asks for."""


KNOWN = frozenset((*UNSUPPORTED, *SWITCHES))


def refuse_unsupported(value: Mapping[str, Any], where: str) -> None:
    """Refuse a record, or a turn of one, for a key that would change what is learned.

    Args:
        where: "the record" or "turn 2", for the message.

    Raises:
        RecordError: "unsupported field KEY".
    """
    for key, content in value.items():
        asks, meaning = UNSUPPORTED.get(key.lower(), (None, ""))
        if asks is not None and asks(content):
            _refuse(key, where, meaning)


def refuse_unsupported_turn(item: Mapping[str, Any], where: str, is_answer: bool) -> None:
    """The same for a turn, where what is not an answer is outside the loss anyway.

    Raises:
        RecordError: "unsupported field KEY".
    """
    if is_answer:
        refuse_unsupported(item, where)
        return
    for key, content in item.items():
        if key.lower() in SWITCHES and is_switched_on(content):
            _refuse(key, where, "a loss on a turn that is no answer")
    refuse_unsupported(item, where)


def _refuse(key: str, where: str, meaning: str) -> None:
    raise RecordError(f"unsupported field {key[:40]}", f"{where} has {key!r} ({meaning}), which is not supported")


def unread_keys(value: Mapping[str, Any], used: Collection[str], turn_lists: Iterable[str]) -> Iterator[str]:
    """Keys that hold something and are neither used nor known, those of turns as "messages[].name".

    Args:
        used: keys of the record that its form reads.
        turn_lists: keys of the record that may hold turns.
    """
    yield from _unknown(value, used, "")
    for key in turn_lists:
        items = value.get(key)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                named = TURN_KEYS | {"name"} if item.get("role") in RESULTS else TURN_KEYS
                yield from _unknown(item, named, f"{key}[].")


def _unknown(value: Mapping[str, Any], used: Collection[str], prefix: str) -> Iterator[str]:
    for key, content in value.items():
        if key in used or (key in HARMLESS and not isinstance(content, dict) and not _is_text(content)):
            continue  # which most are
        if _is_known(key.lower(), content, in_turn=bool(prefix)) or not _set(content):
            continue
        if key.lower() not in HARMLESS or _is_text(content):
            yield f"{prefix}{key}"
        elif isinstance(content, dict):
            yield from (f"{prefix}{key}.{inner}" for inner, held in content.items() if _asks(inner, held))


def _is_known(key: str, content: Any, in_turn: bool) -> bool:
    """Whether under a key whose meaning is known it holds a value that was read, or that asks for nothing."""
    if key in WEIGHTS or (in_turn and key in SWITCHES and is_switch(content)):
        return True
    return key in KNOWN and content in (True, False, 0, 1)


def _asks(key: str, content: Any) -> bool:
    """Whether it would change what is learned if it stood in the record itself."""
    if key.lower() in (*WEIGHTS, *SWITCHES):
        return is_switched_off(content) or (key.lower() in WEIGHTS and content != 1)
    asks, _ = UNSUPPORTED.get(key.lower(), (None, ""))
    return asks is not None and asks(content)


def _is_text(content: Any) -> bool:
    """Whether it is no label: it has several lines, or is too long."""
    return isinstance(content, str) and ("\n" in content.strip() or len(content) > LONGEST_LABEL)
