"""Numbers of 32 and 16 bits as the shortest decimal that means them: 0.1, rather than 0.10000000149011612."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow

Shorten = Callable[[Any], Any]


def shortener(kind: pyarrow.DataType) -> Shorten | None:
    """What makes a value of that type of Arrow's, as `to_pylist` gives it, one with such numbers; None where it has
    none of so few bits.
    """
    import pyarrow

    if pyarrow.types.is_float32(kind) or pyarrow.types.is_float16(kind):
        short = np.float32 if pyarrow.types.is_float32(kind) else np.float16
        return lambda value: None if value is None else float(str(short(value)))
    if pyarrow.types.is_struct(kind):
        return _of_fields({field.name: shortener(field.type) for field in kind})
    if pyarrow.types.is_map(kind):
        pair = [shortener(kind.key_type), shortener(kind.item_type)]
        if pair == [None, None]:
            return None
        return _of_items(lambda held: tuple(each(one) if each else one for each, one in zip(pair, held, strict=True)))
    inner = getattr(kind, "value_type", None)
    within = shortener(inner) if isinstance(inner, pyarrow.DataType) else None
    if within is None:
        return None
    return within if pyarrow.types.is_dictionary(kind) or pyarrow.types.is_run_end_encoded(kind) else _of_items(within)


def _of_items(within: Shorten) -> Shorten:
    return lambda items: None if items is None else [within(item) for item in items]


def _of_fields(fields: dict[str, Shorten | None]) -> Shorten | None:
    short = {name: each for name, each in fields.items() if each is not None}
    if not short:
        return None
    return lambda held: (
        None if held is None else {key: short[key](one) if key in short else one for key, one in held.items()}
    )
