"""Values that cross."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from mft_core.sandbox.inside.crossing import decode, encode

VALUES: list[Any] = [
    None,
    True,
    1,
    -(2**70),
    2**20000,
    1.5,
    -0.0,
    float("inf"),
    1 + 2j,
    complex(0, float("-inf")),
    "a\ud800\n\"'\\",
    b"\x00\xff",
    bytearray(b"ab"),
    [1, [2, []]],
    (1,),
    (),
    set(),
    {1, (2,)},
    frozenset([1]),
    {"a": (1, 2), (1, 2): None},
    {},
    range(3, 2**60, 2),
    ...,
    deque([1, 2]),
    Decimal("1.10"),
    Fraction(1, 3),
    int,
]


def refuse(*arguments: Any) -> Any:
    raise TypeError(f"no literal: {arguments}")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_literals_cross_unchanged(value: Any) -> None:
    text = repr(encode(value, refuse))
    assert "\n" not in text
    back = decode(eval(text, {"__builtins__": {}}), refuse)
    assert back == value
    assert type(back) is type(value)
    assert isinstance(value, int) or repr(back) == repr(value)


def test_subclasses_cross_as_what_they_are() -> None:
    class Liar(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    class LyingList(list[int]):
        def __iter__(self) -> Any:
            return iter([42])

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    assert encode(Liar(3), refuse) == 3
    assert type(encode(Liar(3), refuse)) is int
    assert encode(LyingList([1]), refuse) == [1]
    assert decode(encode(Counter("aab"), refuse), refuse) == {"a": 2, "b": 1}
    assert type(decode(encode(OrderedDict(a=1), refuse), refuse)) is dict
    for value in (object(), lambda: None, iter([]), type("int", (), {}), sys):
        with pytest.raises(TypeError, match="no literal"):
            encode([value], refuse)
