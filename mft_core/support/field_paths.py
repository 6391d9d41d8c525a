"""Fields of records: a key, or keys joined by dots for what stands in objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def field_path(value: Any, field: str) -> tuple[str, ...]:
    """The keys that lead to a field: its own, else those that dots in it divide; () where it is not there."""
    if not isinstance(value, Mapping):
        return ()
    if field in value:
        return (field,)
    parts = field.split(".")
    for length in range(1, len(parts)):
        head, rest = ".".join(parts[:length]), ".".join(parts[length:])
        if inner := field_path(value.get(head), rest):
            return (head, *inner)
    return ()


def without_field(value: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The object without what a path leads to."""
    key, *inner = path
    rest = {other: held for other, held in value.items() if other != key}
    return {**rest, key: without_field(value[key], tuple(inner))} if inner else rest
