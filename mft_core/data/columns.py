"""Columns that a recipe names, brought under the keys that records of a known form have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mft_core.data.content_parts import read_text
from mft_core.errors import RecordError
from mft_core.support.column_templates import columns_in, filled, is_template
from mft_core.support.field_paths import field_path, without_field
from mft_core.support.reading import RecordForm
from mft_core.support.suggestions import did_you_mean

TURN_LISTS = ("messages", "chat_rounds", "conversations")
PROMPTS = ("prompt", "instruction", "question", "query", "input")
RESPONSES = ("response", "completion", "output", "answer", "target")
SYSTEMS = ("system", "system_prompt")
STANDS_FOR = {
    "prompt": PROMPTS,
    "response": RESPONSES,
    "system": SYSTEMS,
    "messages": (*TURN_LISTS, *PROMPTS, *RESPONSES),
    "text": (*TURN_LISTS, *PROMPTS, *RESPONSES, "text"),
}
"""Keys that are not read where a column is named for the first."""
EMPTY: tuple[Any, ...] = (None, "", [], {})
OPTIONAL = ("system", "history", "tools", "reasoning", "weight")
"""A record may lack what is named for itself (`tools = "tools"`), as it may where nothing is named."""
UNDER = {"reasoning": "reasoning_content"}


class Shaped(NamedTuple):
    """A record under the keys of a known form.

    Attributes:
        value: what is read.
        left: keys that hold something and would have been read, had no column been named in their place.
    """

    value: dict[str, Any]
    left: tuple[str, ...] = ()


def shaped(value: Mapping[str, Any], form: RecordForm) -> Shaped:
    """The record with every named column under the key that it is named for, and the other keys as they are.

    Raises:
        RecordError: "missing column NAME", or as `read_text` for a column that a template shows.
    """
    if not form.columns:
        return Shaped(dict(value))
    used = {name for _, column in form.columns for name in columns_in(column)}
    paths = {name: field_path(value, name) for name in used}
    given = [(key, column) for key, column in form.columns if column != key or key in value or key not in OPTIONAL]
    named = {UNDER.get(key, key): _content(value, key, column, paths, form) for key, column in given}
    replaced = {key for target, _ in form.columns for key in STANDS_FOR.get(target, ())} - used - named.keys()
    rest = value
    # What stands deeper goes first: an object may be used as a whole beside a field of it.
    for path in sorted((path for path in paths.values() if len(path) > 1), key=len, reverse=True):
        rest = without_field(rest, path)
    gone = replaced | {path[0] for path in paths.values() if len(path) == 1}
    rest = {key: content for key, content in rest.items() if key not in gone}
    return Shaped({**rest, **named}, tuple(key for key in value if key in replaced and value[key] not in EMPTY))


def _content(
    value: Mapping[str, Any], key: str, column: str, paths: Mapping[str, tuple[str, ...]], form: RecordForm
) -> Any:
    for name in columns_in(column):
        if not paths[name]:
            known = did_you_mean(name, map(str, value))
            raise RecordError(f"missing column {name[:40]}", f"columns.{key} names it. {known}")
    if not is_template(column):
        return _at(value, paths[column])

    def shown(name: str) -> str:
        held = _at(value, paths[name])
        return "" if held is None else read_text(held, f"the column {name!r}", form.render_json)

    return filled(column, shown)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value[key]
    return value
