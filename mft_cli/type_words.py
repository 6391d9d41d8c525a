"""The types of options as one would write them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def type_words(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """A type with its limits, whatever functions check its values: `float >= 0`, `"tokens" | "samples"`,
    `dict[str, float]`.

    Args:
        metadata: of a field or an `Annotated`: limits, and what is no limit.
    """
    return " ".join([_plain(annotation), " and ".join(_limits(metadata))]).strip()


def _plain(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_words(arguments[0], arguments[1:])
    if origin is Literal:
        return " | ".join(json.dumps(value) for value in arguments)
    if origin in (Union, UnionType):
        return " | ".join(map(_plain, arguments))
    if annotation is Ellipsis:
        return "..."
    if annotation in (None, NoneType):
        return "None"
    name = getattr(origin or annotation, "__name__", None) or str(annotation)
    return f"{name}[{', '.join(map(_plain, arguments))}]" if arguments else name


def _limits(metadata: Iterable[Any]) -> list[str]:
    """A pydantic field among them has its own."""
    found = []
    for one in metadata:
        found += [f"{sign} {getattr(one, key)}" for key, sign in SIGNS.items() if hasattr(one, key)]
        found += _limits(getattr(one, "metadata", ()))
    return found
