"""Makes values of the plain data that `to_plain` declares: numbers, text, arrays, frames, and nothing else.

What it reads was written by an untrusted program. Every kind is listed, every dtype too; an array takes no more than
the bytes that were sent; a library's own class is called only with parts that were made here. Whatever does not fit
raises, which fails the program that sent it.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import importlib
import json
import math
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DTYPE = re.compile(r"[<>|=]?(?:[biufcSUO][0-9]{0,4}|[Mm]8(?:\[(?:[0-9]{0,6}(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as))\])?)")
ZONE = re.compile(r"(?!dateutil)[A-Za-z_]{1,20}(?:/[A-Za-z_]{1,20}){0,2}")
"""Not the names with which dateutil is told to read a file."""
FREQUENCY = re.compile(r"[-A-Za-z0-9]{1,40}")
EXTENSION = re.compile(
    r"U?Int(?:8|16|32|64)|Float(?:32|64)|boolean|string|str|period\[[-A-Z0-9a-z]{1,20}\]"
    r"|interval\[[a-z0-9\[\]]{1,20}(?:, (?:left|right|both|neither))?\]"
)
SPARSE_FORMATS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
MOST_ITEMS = 2**26
"""Of an array, a range, or a sparse matrix's side."""


class NotPlainError(Exception):
    """What was sent is not in the declared form."""


def from_plain(content: bytes) -> Any:
    """The value of a JSON document in the declared form.

    Raises:
        Exception: it is not in that form.
    """
    return _value(json.loads(content.decode("ascii")))


def _value(form: Any) -> Any:
    if form is None or type(form) in (bool, int, float, str):
        return form
    if type(form) is not dict or form.get("kind") not in KINDS:
        raise NotPlainError("neither a number nor text nor of a known kind")
    return KINDS[form["kind"]](form)


def _values(forms: Any) -> list[Any]:
    if type(forms) is not list:
        raise NotPlainError("items that are no list")
    return [_value(form) for form in forms]


def _items(form: Any) -> list[Any]:
    return _values(form["items"])


def _matched(pattern: Any, text: Any) -> str:
    if type(text) is not str or not pattern.fullmatch(text):
        raise NotPlainError(f"{text!r:.60} is not allowed here")
    return text


def _whole(number: Any) -> int:
    if type(number) is not int:
        raise NotPlainError(f"{number!r:.60} is no whole number")
    return number


def _dict(form: Any) -> Any:
    parts = _items(form)
    return dict(zip(parts[::2], parts[1::2]))  # noqa: B905


def _bytes(form: Any) -> bytes:
    return base64.b64decode(form["data"], validate=True)


def _calendar(form: Any) -> Any:
    made: Any = {"datetime": datetime.datetime, "date": datetime.date, "time": datetime.time}[form["kind"]]
    return made.fromisoformat(form["text"])


def _shape(form: Any) -> tuple[int, ...]:
    shape = tuple(_whole(size) for size in form["shape"])
    if any(size < 0 for size in shape) or math.prod(shape) > MOST_ITEMS or len(shape) > 32:
        raise NotPlainError(f"the shape {shape!r:.60} is not allowed")
    return shape


def _array(form: Any) -> Any:
    """An array that owns its memory."""
    numpy: Any = importlib.import_module("numpy")
    kind = numpy.dtype(_matched(DTYPE, form["dtype"]))
    shape = _shape(form)
    if kind.kind in "OU":
        flat = numpy.empty(len(form["items"]), kind)
        for place, item in enumerate(_items(form)):
            if kind.kind == "U" and type(item) is not str:
                raise NotPlainError("an array of text with other items")
            flat[place] = item
        return flat.reshape(shape)
    content = _bytes(form)
    if len(content) != math.prod(shape) * kind.itemsize:
        raise NotPlainError(f"{len(content)} bytes for an array of shape {shape!r:.60}")
    if kind.kind == "b":
        return (numpy.frombuffer(content, "u1") != 0).reshape(shape)
    return numpy.frombuffer(content, kind).reshape(shape).copy()


def _scalar(form: Any) -> Any:
    return _array(form)[()]


def _matrix(form: Any) -> Any:
    return importlib.import_module("numpy").matrix(_array(form))


def _pandas() -> Any:
    return importlib.import_module("pandas")


def _missing(form: Any) -> Any:
    return _pandas().NaT if form["text"] == "NaT" else _pandas().NA


def _zone(zone: Any) -> Any:
    if type(zone) is int and abs(zone) < 24 * 60:
        return importlib.import_module("pytz").FixedOffset(zone)
    return zone if zone is None else _matched(ZONE, zone)


def _timestamp(form: Any) -> Any:
    moment, zone = _whole(form["value"]), _zone(form["zone"])
    return _pandas().Timestamp(moment, tz=zone)


def _duration(form: Any) -> Any:
    return _pandas().Timedelta(_whole(form["value"]), unit="ns")


def _period(form: Any) -> Any:
    return _pandas().Period(ordinal=_whole(form["value"]), freq=_matched(FREQUENCY, form["frequency"]))


def _interval(form: Any) -> Any:
    left, right = _items(form)
    return _pandas().Interval(left, right, closed=form["closed"])


def _categories(form: Any) -> Any:
    kind = _pandas().CategoricalDtype(_made(form["categories"], INDEX), ordered=form["ordered"] is True)
    return _pandas().Categorical.from_codes(_made(form["codes"], ("array",)), dtype=kind)


def _instants(form: Any) -> Any:
    moments = _pandas().DatetimeIndex(_made(form["values"], ("array",)), tz="UTC")
    return moments.tz_convert(_zone(form["zone"])).array


def _extension(form: Any) -> Any:
    return _pandas().array(_items(form), dtype=_matched(EXTENSION, form["dtype"]))


def _made(form: Any, kinds: Any) -> Any:
    """A part that must be of one of the kinds."""
    if type(form) is not dict or form.get("kind") not in kinds:
        raise NotPlainError("not of the kinds " + ", ".join(kinds))
    return _value(form)


def _index(form: Any) -> Any:
    values, frequency = _made(form["values"], COLUMN), form["frequency"]
    if frequency is not None:
        pandas = _pandas()
        made = pandas.TimedeltaIndex if getattr(values, "dtype", None) == "m8[ns]" else pandas.DatetimeIndex
        return made(values, freq=_matched(FREQUENCY, frequency), name=_value(form["name"]))
    return _pandas().Index(values, dtype=values.dtype, name=_value(form["name"]))


def _range(form: Any) -> Any:
    numbers = range(*[_whole(item) for item in form["items"]])
    if len(numbers) > MOST_ITEMS:
        raise NotPlainError(f"a range of more than {MOST_ITEMS} items")
    return _pandas().RangeIndex(numbers, name=_value(form["name"]))


def _levels(form: Any) -> Any:
    levels = [_made(level, INDEX) for level in form["levels"]]
    codes = [_made(part, ("array",)) for part in form["codes"]]
    return _pandas().MultiIndex(levels, codes, names=_values(form["names"]), verify_integrity=True)


def _series(form: Any) -> Any:
    return _column(form["values"], _made(form["index"], INDEX), _value(form["name"]))


def _column(form: Any, index: Any, name: Any) -> Any:
    values = _made(form, COLUMN)
    return _pandas().Series(values, index=index, dtype=values.dtype, name=name)


def _frame(form: Any) -> Any:
    index = _made(form["index"], INDEX)
    columns = {number: _column(part, index, None) for number, part in enumerate(form["values"])}
    frame = _pandas().DataFrame(columns, index=index)
    frame.columns = _made(form["columns"], INDEX)
    return frame


def _sparse(form: Any) -> Any:
    """By way of places and values, which scipy checks against the shape."""
    if form["format"] not in ("csr", "csc", "coo", "lil", "dok", "dia", "bsr") or form["class"] not in (
        "matrix",
        "array",
    ):
        raise NotPlainError("a sparse matrix of unknown form")
    row, col, data = (_made(form[part], ("array",)) for part in ("row", "col", "data"))
    shape = tuple(_whole(size) for size in form["shape"])
    if row.dtype.kind != "i" or col.dtype.kind != "i" or max(shape) > MOST_ITEMS:
        raise NotPlainError("a sparse matrix of unknown form")
    sparse: Any = importlib.import_module("scipy.sparse")
    return getattr(sparse, "coo_" + form["class"])((data, (row, col)), shape=shape).asformat(form["format"])


def _torch(form: Any) -> Any:
    return importlib.import_module("torch").from_numpy(_array(form))


def _tensorflow(form: Any) -> Any:
    return importlib.import_module("tensorflow").constant(_array(form))


COLUMN = ("array", "categories", "instants", "extension")
INDEX = ("index", "range", "levels")
KINDS: dict[str, Any] = {
    "list": _items,
    "tuple": lambda form: tuple(_items(form)),
    "set": lambda form: set(_items(form)),
    "frozenset": lambda form: frozenset(_items(form)),
    "dict": _dict,
    "bytes": _bytes,
    "bytearray": lambda form: bytearray(_bytes(form)),
    "complex": lambda form: complex(*_items(form)),
    "datetime": _calendar,
    "date": _calendar,
    "time": _calendar,
    "timedelta": lambda form: datetime.timedelta(*_items(form)),
    "decimal": lambda form: decimal.Decimal(form["text"]),
    "array": _array,
    "scalar": _scalar,
    "matrix": _matrix,
    "missing": _missing,
    "timestamp": _timestamp,
    "duration": _duration,
    "period": _period,
    "interval": _interval,
    "categories": _categories,
    "instants": _instants,
    "extension": _extension,
    "index": _index,
    "range": _range,
    "levels": _levels,
    "series": _series,
    "frame": _frame,
    "sparse": _sparse,
    "torch": _torch,
    "tensorflow": _tensorflow,
}
