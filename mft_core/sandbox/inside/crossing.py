"""Values that cross between the candidate and the tests: literals; anything else stays where it is.

A value is described by what it is, never by what it says about itself: a subclass crosses as its built-in base, an
object of any other class as a number that only its own side can use. So nothing that crosses can have an `__eq__`.

    None, bool, int, finite float, str, bytes, list: themselves; {"tuple": [...]}, {"set": [...]}, {"frozenset": [...]},
    {"dict": [[key, value], ...]}, {"deque": [...]}, {"int": "0x..."} (large), {"float": "inf"}, {"bytearray": b"..."},
    {"complex": [re, im]}, {"range": [...]}, {"Decimal": text}, {"Fraction": text}, {"Ellipsis": None}, {"type": "int"}

A message is the repr() of such a form on one line. This module starts with every judgement: it imports nothing at once.
"""

from __future__ import annotations

import builtins

TYPE_CHECKING = False  # `typing` takes as long to import as all the rest of the interpreter
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Describe = Callable[[Any], dict[str, Any]]

SMALL = 2**53
SEQUENCES: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}
MODULES = {"deque": "collections", "Decimal": "decimal", "Fraction": "fractions"}
TYPES = ("int", "float", "complex", "bool", "str", "bytes", "list", "tuple", "dict", "set", "frozenset", "object")


def encode(value: Any, describe: Describe) -> Any:
    """The JSON form; `describe` gives the form of what is no literal."""
    if value is None or value is True or value is False:
        return value
    for encoder in (_encode_number, _encode_text, _encode_container):
        encoded = encoder(value, describe)
        if encoded is not _OTHER:
            return encoded
    if value is Ellipsis:
        return {"Ellipsis": None}
    if type(value) is type and value.__name__ in TYPES and getattr(builtins, value.__name__) is value:
        return {"type": value.__name__}
    return describe(value)


_OTHER = object()


def _encode_number(value: Any, _: Describe) -> Any:
    if isinstance(value, int):
        whole = int.__index__(value)
        return whole if -SMALL < whole < SMALL else {"int": hex(whole)}
    if isinstance(value, float):
        exact = float.__float__(value)
        return exact if exact - exact == 0.0 else {"float": repr(exact)}
    if isinstance(value, complex):
        return {"complex": [encode(value.real, _), encode(value.imag, _)]}
    if _is_library(value, "Decimal") or _is_library(value, "Fraction"):
        return {type(value).__name__: str(value)}
    return _OTHER


def _is_library(value: Any, name: str) -> bool:
    return type(value).__name__ == name and type(value).__module__ == MODULES[name]


def _encode_text(value: Any, _: Describe) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return bytes(memoryview(value))
    if isinstance(value, bytearray):
        return {"bytearray": bytes(memoryview(value))}
    if type(value) is range:
        return {"range": [encode(part, _) for part in (value.start, value.stop, value.step)]}
    return _OTHER


def _encode_container(value: Any, describe: Describe) -> Any:
    if isinstance(value, list):
        return [encode(item, describe) for item in list.__iter__(value)]
    if isinstance(value, dict):
        return {"dict": [[encode(key, describe), encode(item, describe)] for key, item in dict.items(value)]}
    for name, kind in SEQUENCES.items():
        if isinstance(value, kind):
            return {name: [encode(item, describe) for item in kind.__iter__(value)]}
    if _is_library(value, "deque"):
        return {"deque": [encode(item, describe) for item in value]}
    return _OTHER


def decode(encoded: Any, restore: Callable[[str, Any], Any]) -> Any:
    """The value; `restore(kind, argument)` gives what is no literal.

    Raises:
        ValueError, TypeError: this is no form that `encode` writes.
    """
    if isinstance(encoded, list):
        return [decode(item, restore) for item in encoded]
    if not isinstance(encoded, dict):
        return encoded
    ((kind, argument),) = encoded.items()
    if kind in SEQUENCES:
        return SEQUENCES[kind](decode(item, restore) for item in argument)
    if kind == "dict":
        return {decode(key, restore): decode(item, restore) for key, item in argument}
    if kind in MODULES:
        return getattr(__import__(MODULES[kind]), kind)(decode(argument, restore))
    return _decode_rare(kind, argument, restore)


def _decode_rare(kind: str, argument: Any, restore: Callable[[str, Any], Any]) -> Any:
    if kind == "int":
        return int(argument, 16)
    if kind == "float":
        return float(argument)
    if kind == "bytearray":
        return bytearray(argument)
    if kind == "complex":
        return complex(*(decode(part, restore) for part in argument))
    if kind == "range":
        return range(*(decode(part, restore) for part in argument))
    if kind == "Ellipsis":
        return ...
    if kind == "type" and argument in TYPES:
        return getattr(builtins, argument)
    return restore(kind, argument)
