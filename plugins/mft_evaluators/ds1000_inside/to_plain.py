"""What a program leaves as plain data: where the program itself runs, from the pickles that it has written.

`docs/evaluation.md` declares the form; `from_plain` reads it. Nothing that comes from here is believed.
"""

from __future__ import annotations

import base64
import json
import pickle
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEEPEST = 20
LONGEST_INTEGER = 4096
"""Bits."""
MASKED = frozenset(
    {*("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"), *("Float32", "Float64", "boolean")}
)


class NoPlainFormError(Exception):
    """A value, or one in it, that only its own class could make again."""


def to_plain(value: Any, depth: int = 0) -> Any:
    """The declared form of a value: what JSON has, and objects with a "kind".

    Raises:
        NoPlainFormError: it has none.
    """
    kind = type(value)
    if value is None or kind in (bool, str, float) or (kind is int and value.bit_length() <= LONGEST_INTEGER):
        return value
    if depth > DEEPEST:
        raise NoPlainFormError(f"values within values, {depth - 1} deep, have no plain form")
    library = (kind.__module__ or "").split(".")[0]
    form = _library_form(library, value, depth + 1) if library in LIBRARIES else _standard_form(value, depth + 1)
    if form is None:
        raise NoPlainFormError(f"a {kind.__module__}.{kind.__qualname__} has no plain form")
    return form


def _library_form(library: str, value: Any, depth: int) -> Any:
    """None: there is none."""
    if library == "scipy" and isinstance(value, tuple):
        return _items("tuple", value, depth)
    return LIBRARIES[library](value, depth)


def _items(kind: str, values: Any, depth: int) -> dict[str, Any]:
    return {"kind": kind, "items": [to_plain(value, depth) for value in values]}


def _standard_form(value: Any, depth: int) -> Any:
    """Containers (a named tuple as a tuple, a kind of dict as a dict), bytes, complex numbers, dates, decimals."""
    kind = type(value)
    if kind in (list, set, frozenset):
        return _items(kind.__name__, value, depth)
    if isinstance(value, tuple):
        return _items("tuple", value, depth)
    if isinstance(value, dict):
        return _items("dict", [part for pair in dict.items(value) for part in pair], depth)
    if kind in (bytes, bytearray):
        return {"kind": kind.__name__, "data": base64.b64encode(value).decode()}
    if kind is complex:
        return {"kind": "complex", "items": [value.real, value.imag]}
    return _calendar_form(value)


def _calendar_form(value: Any) -> Any:
    name = f"{type(value).__module__}.{type(value).__name__}"
    if name in ("datetime.datetime", "datetime.date", "datetime.time") and getattr(value, "tzinfo", None) is None:
        return {"kind": type(value).__name__, "text": value.isoformat()}
    if name == "datetime.timedelta":
        return {"kind": "timedelta", "items": [value.days, value.seconds, value.microseconds]}
    if name == "decimal.Decimal":
        return {"kind": "decimal", "text": str(value)}
    return None


def _numpy_form(value: Any, depth: int) -> Any:
    numpy = sys.modules["numpy"]
    if isinstance(value, numpy.generic) and value.dtype.names is None and value.dtype.kind != "O":
        return {**_array(numpy.asarray(value), depth), "kind": "scalar"}
    if type(value) is numpy.ndarray:
        return _array(value, depth)
    if type(value) is numpy.matrix:
        return {**_array(numpy.asarray(value), depth), "kind": "matrix"}
    return None


def _array(values: Any, depth: int) -> dict[str, Any]:
    """Text and objects item by item, everything else as the bytes that numpy holds, row by row."""
    form: dict[str, Any] = {"kind": "array", "dtype": values.dtype.str, "shape": list(values.shape)}
    if values.dtype.kind in "OU":
        return {**form, **_items("array", values.ravel().tolist(), depth)}
    if values.dtype.kind not in "biufcMmS" or values.dtype.names or values.dtype.itemsize > 64:
        raise NoPlainFormError(f"a numpy array of {values.dtype} has no plain form")
    return {**form, "data": base64.b64encode(values.tobytes()).decode()}


def _pandas_form(value: Any, depth: int) -> Any:
    pandas: Any = sys.modules["pandas"]
    if value is pandas.NaT or value is pandas.NA:
        return {"kind": "missing", "text": "NaT" if value is pandas.NaT else "NA"}
    if isinstance(value, pandas.Index):
        return _index(pandas, value, depth)
    if type(value) is pandas.Series:
        parts = {"index": _index(pandas, value.index, depth), "name": to_plain(value.name, depth)}
        return {"kind": "series", "values": _column(pandas, value, depth), **parts}
    if type(value) is pandas.DataFrame:
        parts = {"index": _index(pandas, value.index, depth), "columns": _index(pandas, value.columns, depth)}
        columns = [_column(pandas, value.iloc[:, number], depth) for number in range(value.shape[1])]
        return {"kind": "frame", "values": columns, **parts}
    return _pandas_scalar(pandas, value, depth)


def _pandas_scalar(pandas: Any, value: Any, depth: int) -> Any:
    if type(value) is pandas.Timestamp:
        return {"kind": "timestamp", "value": value.value, "zone": _zone(value.tz)}
    if type(value) is pandas.Timedelta:
        return {"kind": "duration", "value": value.value}
    if type(value) is pandas.Period:
        return {"kind": "period", "value": value.ordinal, "frequency": value.freqstr}
    if type(value) is pandas.Interval:
        return {**_items("interval", [value.left, value.right], depth), "closed": value.closed}
    if isinstance(value, pandas.api.extensions.ExtensionArray):
        return _column(pandas, pandas.Series(value), depth)
    return None


def _zone(zone: Any) -> Any:
    """A name, or the minutes that a zone is always ahead; None: there is no zone."""
    if zone is None:
        return None
    name = str(getattr(zone, "zone", None) or zone)
    if name.replace("/", "").replace("_", "").isalpha():
        return name
    ahead = zone.utcoffset(None)
    if ahead is None or ahead.total_seconds() % 60:
        raise NoPlainFormError(f"the time zone {name} has no plain form")
    return int(ahead.total_seconds()) // 60


def _column(pandas: Any, column: Any, depth: int) -> dict[str, Any]:
    """The values of a series or of an index."""
    kind = column.dtype
    if isinstance(kind, sys.modules["numpy"].dtype):
        return _array(column.to_numpy(), depth)
    if isinstance(kind, pandas.CategoricalDtype):
        held = column.array if hasattr(column, "array") else column
        codes = _array(held.codes, depth)
        categories = _index(pandas, held.categories, depth)
        return {"kind": "categories", "codes": codes, "categories": categories, "ordered": bool(held.ordered)}
    if isinstance(kind, pandas.DatetimeTZDtype):
        instants = _array(column.to_numpy(f"M8[{kind.unit}]"), depth)
        return {"kind": "instants", "values": instants, "zone": _zone(kind.tz)}
    name = str(kind)
    if name in MASKED or isinstance(kind, (pandas.StringDtype, pandas.PeriodDtype, pandas.IntervalDtype)):
        return {**_items("extension", list(column), depth), "dtype": name}
    raise NoPlainFormError(f"values of {kind} have no plain form")


def _index(pandas: Any, index: Any, depth: int) -> dict[str, Any]:
    if isinstance(index, pandas.MultiIndex):
        levels = [_index(pandas, level, depth + 1) for level in index.levels]
        codes = [_array(sys.modules["numpy"].asarray(codes), depth) for codes in index.codes]
        return {
            "kind": "levels",
            "levels": levels,
            "codes": codes,
            "names": [to_plain(it, depth) for it in index.names],
        }
    name = to_plain(index.name, depth)
    if isinstance(index, pandas.RangeIndex):
        return {"kind": "range", "items": [index.start, index.stop, index.step], "name": name}
    frequency = index.freqstr if isinstance(index, (pandas.DatetimeIndex, pandas.TimedeltaIndex)) else None
    return {"kind": "index", "values": _column(pandas, index, depth), "name": name, "frequency": frequency}


def _scipy_form(value: Any, depth: int) -> Any:
    """A sparse matrix as the places and values of what it holds."""
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None or not sparse.issparse(value):
        return None
    held = value.tocoo()
    form = {"format": value.format, "class": type(value).__name__.rpartition("_")[2], "shape": list(value.shape)}
    return {"kind": "sparse", **form, **{part: _array(getattr(held, part), depth) for part in ("row", "col", "data")}}


def _torch_form(value: Any, depth: int) -> Any:
    torch: Any = sys.modules["torch"]
    if type(value) in (torch.Tensor, torch.nn.Parameter) and value.layout is torch.strided:
        try:
            return {**_array(value.detach().cpu().numpy(), depth), "kind": "torch"}
        except TypeError:  # a dtype that numpy does not know
            return None
    return None


def _tensorflow_form(value: Any, depth: int) -> Any:
    if type(value).__name__ in ("EagerTensor", "ResourceVariable") and value.dtype.is_numpy_compatible:
        return {**_array(value.numpy(), depth), "kind": "tensorflow"} if value.shape.rank is not None else None
    return None


LIBRARIES = {
    "numpy": _numpy_form,
    "pandas": _pandas_form,
    "scipy": _scipy_form,
    "torch": _torch_form,
    "tensorflow": _tensorflow_form,
}


def write_all(paths: list[str]) -> None:
    """Beside each pickle its value as JSON."""
    for path in paths:
        with open(path, "rb") as left:  # noqa: PTH123
            value = pickle.load(left)
        with open(path.replace(".pkl", ".json"), "w", encoding="ascii") as plain:  # noqa: PTH123
            json.dump(to_plain(value), plain)


if __name__ == "__main__":
    try:
        write_all(sys.argv[1:])
    except NoPlainFormError as error:
        sys.exit(f"its result cannot leave as plain data: {error}")
