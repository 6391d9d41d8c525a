"""Parquet and Arrow: every kind of value, places, and files that are damaged or something else."""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from helpers.column_files import write_arrow, write_parquet
from mft_core.data.reader import place_in_words
from mft_core.errors import MftError
from mft_core.interfaces import Reader
from mft_readers.columns import Arrow, Parquet


def read(reader: Reader, path: Path) -> list[tuple[str, Any]]:
    form = reader.place_form(path)
    return [
        (place_in_words(form, record.place), record.fault[0] if record.fault else json.loads(record.text))
        for record in reader.records(path)
    ]


TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
VALUES: dict[str, tuple[Any, Any]] = {
    "text": ("é😀", "é😀"),
    "nothing": (pyarrow.scalar(None), None),
    "turns": (TURNS, TURNS),
    "nested": ({"a": [{"b": None}], "c": 1.5}, {"a": [{"b": None}], "c": 1.5}),
    "nan": (float("nan"), None),
    "half": (pyarrow.scalar(0.5, pyarrow.float16()), 0.5),
    "single": (pyarrow.array([0.1], pyarrow.float32()), 0.1),
    "singles": (
        pyarrow.array([{"a": [3.8, None]}], pyarrow.struct({"a": pyarrow.list_(pyarrow.float32())})),
        {"a": [3.8, None]},
    ),
    "halves": (pyarrow.array([[0.1]], pyarrow.large_list(pyarrow.float16())), [0.1]),
    "large single": (pyarrow.array([1e30], pyarrow.float32()), 1e30),
    "many singles": (pyarrow.array([[0.1, 0.2]], pyarrow.list_(pyarrow.float32(), 2)), [0.1, 0.2]),
    "single of a category": (pyarrow.array([0.1], pyarrow.float32()).dictionary_encode(), 0.1),
    "single of a map": (pyarrow.array([[("a", 0.1)]], pyarrow.map_(pyarrow.string(), pyarrow.float32())), [["a", 0.1]]),
    "double": (0.10000000149011612, 0.10000000149011612),
    "integer": ((1 << 63) - 1, (1 << 63) - 1),
    "boolean": (True, True),
    "date": (datetime.date(2024, 7, 26), "2024-07-26"),
    "time": (datetime.datetime(2024, 7, 26, 1, 2, 3, 4, datetime.timezone.utc), "2024-07-26T01:02:03.000004+00:00"),
    "duration": (datetime.timedelta(seconds=61), "0:01:01"),
    "decimal": (decimal.Decimal("1.10"), "1.10"),
    "bytes": (b"\xff", {"base64": "/w=="}),
    "category": (pyarrow.array(["x"]).dictionary_encode(), "x"),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_become_those_of_json(tmp_path: Path, name: str) -> None:
    value, expected = VALUES[name]
    column = (
        value
        if isinstance(value, pyarrow.Array)
        else pyarrow.array([value.as_py() if hasattr(value, "as_py") else value])
    )
    if name == "half":
        column = column.cast(pyarrow.float16())
    table = pyarrow.table({"value": column})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pyarrow.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    for reader, file in ((Parquet(), "a.parquet"), (Arrow(), "a.arrow")):
        assert read(reader, tmp_path / file) == [(":0/0", {"value": expected})]


def test_places_are_row_groups_and_rows(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", {"text": list("abcde")}, rows_per_group=2)
    places = [":0/0", ":0/1", ":1/0", ":1/1", ":2/0"]
    assert read(Parquet(), path) == [(place, {"text": text}) for place, text in zip(places, "abcde", strict=True)]
    rows = [[{"text": "a"}], [{"text": "b"}, {"text": "c"}]]
    for stream in (False, True):
        path = write_arrow(tmp_path / f"{stream}.arrow", rows, stream)
        assert read(Arrow(), path) == [(":0/0", rows[0][0]), (":1/0", rows[1][0]), (":1/1", rows[1][1])]


def test_two_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    """A record could hold the last one alone."""
    table = pyarrow.table([["q"], ["other"], ["a"]], names=["prompt", "prompt", "response"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    kinds: list[tuple[Reader, str]] = [(Parquet(), "a.parquet")]
    for name, writer_of in (("file", pyarrow.ipc.new_file), ("stream", pyarrow.ipc.new_stream)):
        with writer_of(str(tmp_path / f"{name}.arrow"), table.schema) as writer:
            writer.write_table(table)
        kinds.append((Arrow(), f"{name}.arrow"))
    for reader, name in kinds:
        with pytest.raises(MftError, match=f"{name}: two columns are called 'prompt'"):
            read(reader, tmp_path / name)


@pytest.mark.parametrize("bad", ["year 20,000", "text that is no UTF-8", "infinity"])
def test_a_value_that_python_cannot_have_is_a_fault_of_its_row(tmp_path: Path, bad: str) -> None:
    if bad == "year 20,000":
        column = pyarrow.array([0, 20_000 * 366, 1], pyarrow.int32()).cast(pyarrow.date32())
    elif bad == "infinity":
        column = pyarrow.array([1.0, float("inf"), None])
    else:
        buffers = pyarrow.array([b"a", b"\xff\xfe", b"b"], pyarrow.binary()).buffers()
        column = pyarrow.StringArray.from_buffers(3, buffers[1], buffers[2])
    path = write_parquet(tmp_path / "a.parquet", {"value": column}, rows_per_group=9)
    found = read(Parquet(), path)
    assert [place for place, _ in found] == [":0/0", ":0/1", ":0/2"]
    assert [value == "unreadable value" for _, value in found] == [False, True, False]


@pytest.mark.parametrize("reader", [Parquet(), Arrow()], ids=["parquet", "arrow"])
def test_a_file_that_is_damaged_or_something_else_is_named(tmp_path: Path, reader: Reader) -> None:
    path, rows = tmp_path / f"a{reader.suffixes[0]}", [{"text": "x" * 100}] * 50
    whole = {
        ".parquet": lambda: write_parquet(path, {"text": [row["text"] for row in rows]}),
        ".arrow": lambda: write_arrow(path, [rows, rows]),
    }[reader.suffixes[0]]().read_bytes()
    others = [
        whole[:20],
        whole[: len(whole) // 2],
        whole[:-5],
        b"",
        b'{"text": "x"}\n',
        bytes(1000),
        gzip.compress(whole),
    ]
    for content in others:
        path.write_bytes(content)
        with pytest.raises(MftError, match="cannot be read as a") as caught:
            read(reader, path)
        assert str(path) in caught.value.message
    packed = tmp_path / f"{path.name}.gz"
    packed.write_bytes(gzip.compress(whole))
    with pytest.raises(MftError, match="compressed as a whole"):
        read(reader, packed)


def test_a_large_row_group_is_not_held(tmp_path: Path) -> None:
    rows = 20_000
    path = write_parquet(tmp_path / "a.parquet", {"text": [f"{n}" + "x" * 10_000 for n in range(rows)]}, rows)
    before = pyarrow.total_allocated_bytes()
    pyarrow.default_memory_pool().release_unused()
    largest = count = 0
    for _ in Parquet().records(path):
        count += 1
        largest = max(largest, pyarrow.total_allocated_bytes() - before)
    assert count == rows
    assert largest < 100 << 20
