"""Columns of classes: numbers in the file, whose names the datasets library writes into its schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    import pyarrow

Namer = Callable[[Any], Any]
METADATA = b"huggingface"


def class_namer(schema: pyarrow.Schema) -> Namer | None:
    """What puts names in the place of class numbers in a row of such a file; None: no column is one of classes.

    -1, the library's number of a class that is not known, becomes null; any other without a name stays a number.
    """
    try:
        features = json.loads((schema.metadata or {})[METADATA])["info"]["features"]
    except (KeyError, TypeError, ValueError):  # written by others, or by a version of another form
        return None
    return _namer(features)


def _namer(feature: Any) -> Namer | None:
    """As `class_namer`, of one feature: classes, a list or an object of features."""
    if isinstance(feature, list) and len(feature) == 1:
        return _of_lists(_namer(feature[0]))
    if not isinstance(feature, Mapping):
        return None
    kind = feature.get("_type")
    if kind == "ClassLabel" and isinstance(feature.get("names"), list):
        return _of_classes(feature["names"])
    if kind in ("Sequence", "List", "LargeList"):
        inner = feature.get("feature")
        # A sequence of objects is stored as an object of lists, except under `List`.
        return _of_objects(inner, _of_lists) if kind == "Sequence" and _is_object(inner) else _of_lists(_namer(inner))
    return _of_objects(feature, lambda namer: namer) if _is_object(feature) else None


def _is_object(feature: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(feature, Mapping) and not isinstance(feature.get("_type"), str)


def _of_classes(names: list[str]) -> Namer:
    def name(value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool) and -1 <= value < len(names):
            return None if value == -1 else names[value]
        return value

    return name


def _of_lists(namer: Namer | None) -> Namer | None:
    if namer is None:
        return None
    return lambda values: [namer(value) for value in values] if isinstance(values, list) else values


def _of_objects(features: Mapping[str, Any], around: Callable[[Namer | None], Namer | None]) -> Namer | None:
    namers = {key: namer for key, feature in features.items() if (namer := around(_namer(feature)))}
    if not namers:
        return None

    def name(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: namers[key](inner) if key in namers else inner for key, inner in value.items()}

    return name
