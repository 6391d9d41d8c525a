"""Tables inside tables, and the same by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flattened(values: Mapping[str, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} with "." is {"a.b": 1}; every path begins with `prefix`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        flat |= flattened(value, separator, f"{path}{separator}") if isinstance(value, Mapping) else {path: value}
    return flat


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of everything that is neither a table nor a list; elements of lists by their number."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{number}")
    else:
        yield path, value
