"""Tables inside tables, and the same by path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flattened(values: Mapping[str, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} with "." is {"a.b": 1}; every path begins with `prefix`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        flat |= flattened(value, separator, f"{path}{separator}") if isinstance(value, Mapping) else {path: value}
    return flat
