"""What leaves a program of DS-1000 as plain data arrives as it was; whatever else is sent fails."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
from collections import Counter, OrderedDict, namedtuple
from typing import Any

import numpy
import pytest
import torch

from mft_evaluators.ds1000_inside.from_plain import MOST_ITEMS, NotPlainError, from_plain
from mft_evaluators.ds1000_inside.to_plain import DEEPEST, NoPlainFormError, to_plain

SCALARS: list[Any] = [None, True, 7, -(2**80), 0.1, float("inf"), "a\ud800ü", b"\x00\xff", bytearray(b"x"), 1 - 2j]
DATES: list[Any] = [
    datetime.datetime(2020, 2, 29, 12, 30, 1, 5),
    datetime.date(2020, 2, 29),
    datetime.time(1, 2, 3),
    datetime.timedelta(days=-1, seconds=5),
    decimal.Decimal("1.10"),
]
HOLDING: list[Any] = [[1, [2.5, "x"], ()], (1, (2,)), {1, 2}, frozenset({"a"}), {"a": [1], (1, 2): None, 3: {}}]
ARRAYS = [
    numpy.arange(6, dtype="i2").reshape(2, 3),
    numpy.arange(6.0).reshape(2, 3).T[::-1],
    numpy.array([True, False]),
    numpy.array(3.5, dtype="f4"),
    numpy.zeros((0, 4)),
    numpy.array([1 + 2j], dtype="c8"),
    numpy.array(["a", "bcd"]),
    numpy.array([b"a", b"bcd"]),
    numpy.array(["2020-01-01", "NaT"], dtype="M8[D]"),
    numpy.array([5], dtype="m8[ns]"),
    numpy.array([1, 2], dtype=">u4"),
]


def there_and_back(value: Any) -> Any:
    return from_plain(json.dumps(to_plain(value)).encode())


@pytest.mark.parametrize("value", [*SCALARS, *DATES, *HOLDING], ids=repr)
def test_values_of_the_standard_library_arrive_as_they_were(value: Any) -> None:
    made = there_and_back(value)
    assert (made, type(made)) == (value, type(value))


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: array.dtype.str)
def test_arrays_arrive_with_dtype_and_shape(array: Any) -> None:
    made = there_and_back(array)
    assert (made.dtype, made.shape) == (array.dtype, array.shape)
    numpy.testing.assert_array_equal(made, array)
    made[...] = made  # the tests may write to it


def test_arrays_of_objects_and_single_numbers_arrive() -> None:
    ragged = numpy.empty(2, dtype=object)
    ragged[:] = [[1, 2], numpy.array([3])]
    made = there_and_back(ragged)
    assert made.dtype == object
    assert made[0] == [1, 2]
    assert made[1].tolist() == [3]
    single = there_and_back([numpy.float32(1.5), numpy.bool_(True), numpy.str_("a")])
    assert [type(it) for it in single] == [numpy.float32, numpy.bool_, numpy.str_]


def test_relatives_of_tuples_and_dicts_arrive_as_these() -> None:
    point = namedtuple("point", "x y")
    assert there_and_back(point(1, 2)) == (1, 2)
    assert type(there_and_back(point(1, 2))) is tuple
    assert there_and_back(Counter("aab")) == {"a": 2, "b": 1}
    assert list(there_and_back(OrderedDict(b=1, a=2))) == ["b", "a"]


def test_tensors_arrive_as_tensors() -> None:
    made = there_and_back(torch.nn.Parameter(torch.tensor([[1.0, 2.0]])))
    assert torch.equal(made, torch.tensor([[1.0, 2.0]]))
    assert there_and_back(torch.tensor([1], dtype=torch.int64)).dtype is torch.int64
    with pytest.raises(NoPlainFormError):
        to_plain(torch.ones(1, dtype=torch.bfloat16))


def test_frames_arrive_with_types_and_indexes() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None], "c": pandas.to_datetime(["2020-01-01", None])})
    frame["d"] = pandas.Categorical(["u", "v"], ordered=True)
    frame["e"] = frame["c"].dt.tz_localize("Europe/Berlin")
    frame.index = pandas.MultiIndex.from_tuples([("p", 1), ("q", 2)], names=["k", None])
    pandas.testing.assert_frame_equal(there_and_back(frame), frame)
    days = pandas.Series([1.5, 2.5], index=pandas.date_range("2020", periods=2), name="n")
    pandas.testing.assert_series_equal(there_and_back(days), days)


def test_sparse_matrices_arrive() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    for kind in ("csr", "csc", "coo", "lil", "dok"):
        matrix = sparse.random(4, 5, density=0.4, format=kind, random_state=0)
        made = there_and_back(matrix)
        assert type(made) is type(matrix)
        numpy.testing.assert_array_equal(made.toarray(), matrix.toarray())


class Odd:
    """Of no library."""


class Number(int):
    """Equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@pytest.mark.parametrize(
    "value",
    [Odd(), [Odd()], len, lambda: 1, range(3), Number(1), numpy.ma.array([1]), numpy.zeros(1, dtype="i4,f8")],
    ids=["object", "list", "built-in", "lambda", "range", "relative of int", "masked", "fields"],
)
def test_other_values_have_no_plain_form(value: Any) -> None:
    with pytest.raises(NoPlainFormError, match="no plain form"):
        to_plain(value)


def test_values_in_themselves_have_no_plain_form() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NoPlainFormError, match=f"{DEEPEST} deep"):
        to_plain(endless)


def data(content: bytes) -> str:
    return base64.b64encode(content).decode()


HOSTILE: dict[str, Any] = {
    "unknown kind": {"kind": "eval", "items": ["1"]},
    "a kind that is no text": {"kind": ["list"]},
    "no kind": {"items": []},
    "a bare list": [1],
    "a dtype with fields": {"kind": "array", "dtype": "i4,O", "shape": [1], "data": ""},
    "objects from bytes": {"kind": "array", "dtype": "|O", "shape": [1], "data": data(bytes(8))},
    "more shape than bytes": {"kind": "array", "dtype": "<f8", "shape": [2**20], "data": data(bytes(8))},
    "a shape of nothing": {"kind": "array", "dtype": "|S0", "shape": [2**40], "data": ""},
    "a negative shape": {"kind": "array", "dtype": "<f8", "shape": [-1, -1], "data": data(bytes(8))},
    "a shape of true": {"kind": "array", "dtype": "|u1", "shape": [True], "data": data(bytes(1))},
    "an item in text": {"kind": "array", "dtype": "<U1", "shape": [1], "items": [1]},
    "text that is wide": {"kind": "array", "dtype": "<U999999999", "shape": [1], "items": ["a"]},
    "a list as a key": {"kind": "dict", "items": [{"kind": "list", "items": []}, 1]},
    "an array as an index": {"kind": "series", "values": 1, "index": 1, "name": None},
    "an endless range": {"kind": "range", "items": [0, MOST_ITEMS + 1, 1], "name": None},
    "a zone of a file": {"kind": "timestamp", "value": 0, "zone": "dateutil//etc/passwd"},
    "a method as a format": {"kind": "sparse", "format": "__class__", "class": "matrix"},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_in_the_declared_form_is_refused(name: str) -> None:
    with pytest.raises((NotPlainError, ValueError, TypeError, KeyError)):
        from_plain(json.dumps(HOSTILE[name]).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"(lambda: 1)()", b"cos\nsystem\n."])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        from_plain(content)


def test_a_truth_value_is_true_or_false_whatever_its_byte() -> None:
    made = from_plain(json.dumps({"kind": "array", "dtype": "|b1", "shape": [2], "data": data(b"\x02\x00")}).encode())
    assert made.tobytes() == b"\x01\x00"
