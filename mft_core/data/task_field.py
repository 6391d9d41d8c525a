"""The field of a record that says which task it belongs to (`data.task_field`)."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any

from mft_core.data.tasks import MAXIMUM_NAME, validate_task_name
from mft_core.errors import RecordError, UsageError
from mft_core.support.column_templates import columns_in
from mft_core.support.field_paths import field_path, without_field
from mft_core.support.reading import RecordForm
from mft_core.support.unicode_names import composed, strange_character

MISSING, UNUSABLE = "missing task field", "bad task field"
INSTEAD = "_"
"""Stands in a task's name for every character that names cannot have."""
SHOWN = 40


def task_value(value: Any, field: str) -> str:
    """What a record says under the field, as text: numbers and booleans as JSON has them, without white space around.

    Args:
        value: what `parse_line` gave.
        field: a key of the record, or keys joined by dots, "meta.channel", where there is no such key.

    Raises:
        RecordError: "missing task field" (also null and blank), or "bad task field": it can name no task.
    """
    path = field_path(value, field)
    if not path:
        raise RecordError(MISSING, f"there is no {field!r}")
    for key in path:
        value = value[key]
    text = composed(_text(value, field)).strip()
    if not text:
        raise RecordError(MISSING, f"{field!r} is empty")
    try:
        validate_task_name(task_name(text))
        text.encode()
    except (UsageError, UnicodeEncodeError) as error:
        raise RecordError(
            UNUSABLE, f"{text[:SHOWN]!r} names no task: at most {MAXIMUM_NAME} characters of UTF-8 do"
        ) from error
    return text


def _text(value: Any, field: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise RecordError(UNUSABLE, f"{field!r} is {'a list' if isinstance(value, list) else 'an object'}")
    if isinstance(value, float) and not math.isfinite(value):
        raise RecordError(UNUSABLE, f"{field!r} is no number that JSON has")
    return json.dumps(value)


def task_name(value: str) -> str:
    """The task that a value stands for: the value, with "_" for whatever a name cannot have there."""
    name = INSTEAD + value[1:] if value.startswith(".") else value
    while len(name) <= MAXIMUM_NAME and (strange := strange_character(name)):
        name = name.replace(strange, INSTEAD, 1)
    return name


def without_task_field(value: dict[str, Any], form: RecordForm, content: Collection[str]) -> dict[str, Any]:
    """A record without the field that only says which task it is of.

    Args:
        content: keys that are learned from, wherever they say something else too.
    """
    used = {name for _, column in form.columns for name in columns_in(column)}
    path = field_path(value, form.task_field) if form.task_field else ()
    return without_field(value, path) if path and path[0] not in used and path[0] not in content else value
