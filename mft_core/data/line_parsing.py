"""One line of JSONL to its value, where it has exactly one meaning; JSON that is legal but odd is refused by name."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from mft_core.data.jsonl import LONGEST_LINE
from mft_core.errors import RecordError

DEEPEST = 100
"""Levels of lists and objects: far below what Python's stack takes, wherever in it a line is parsed or shown."""
LONGEST_KEY = 1000
SHOWN = 40
"""Characters of a key in a message."""

SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""Half of a character outside the basic plane, as an escape: alone it is none, and cannot be written as UTF-8."""


def parse_line(raw: bytes) -> Any:
    """The value of one line.

    Raises:
        RecordError: "line too long", "NUL bytes", "not UTF-8", "bad JSON", "NaN or Infinity", "duplicate key", "key too
            long", "number too long", "nested too deeply" or "broken unicode".
    """
    if len(raw) > LONGEST_LINE:
        raise RecordError("line too long", f"it has more than {LONGEST_LINE:,} bytes; the rest of it was skipped")
    if nuls := raw.count(b"\x00"):
        raise RecordError("NUL bytes", f"{nuls:,} of them, as a crash or a full disk leaves where writing stopped")
    try:
        value = DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RecordError("not UTF-8", f"byte {error.start}: {error.reason}") from error
    except json.JSONDecodeError as error:
        raise RecordError("bad JSON", f"{error.msg} at character {error.pos + 1}") from error
    except ValueError as error:
        raise RecordError("number too long", str(error).partition(";")[0]) from error
    except RecursionError as error:
        raise _too_deep() from error
    _refuse_deep(value)
    if SURROGATE.search(raw):
        _refuse_half_characters(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise RecordError("duplicate key", f"one object has {twice[:SHOWN]!r} more than once: each could be meant")
    if max(map(len, value), default=0) > LONGEST_KEY:
        longest = max(value, key=len)
        raise RecordError("key too long", f"{longest[:SHOWN]!r}... is {len(longest):,} characters long")
    return value


def _constant(name: str) -> Any:
    raise RecordError("NaN or Infinity", f"{name} is no JSON: write null where there is no number")


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [item for container in level for item in _items(container) if type(item) in (dict, list)]
        if not level:
            return
    raise _too_deep()


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _too_deep() -> RecordError:
    return RecordError("nested too deeply", f"it has more than {DEEPEST} levels of lists and objects")


def _refuse_half_characters(value: Any) -> None:
    """Also in what nobody reads: it could be shown, and written, nowhere."""
    parts: Mapping[str, Any] = value if isinstance(value, dict) else {"": value}
    for key, content in parts.items():
        text = json.dumps({key: content}, ensure_ascii=False)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            half = text[error.start]
            where = f"at {key[:SHOWN]!r}: " if key else ""
            raise RecordError("broken unicode", f"{where}{half!r} is half of a character") from error
