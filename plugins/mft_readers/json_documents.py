"""JSON documents: an array of records, an object that holds one list of them, or one record a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

from mft_core.data.compression import blocks
from mft_core.data.file_formats import refuse_other_encoding
from mft_core.data.file_kinds import first_line, has_record_key
from mft_core.data.jsonl import read_lines
from mft_core.data.record_forms import RECORD_KEYS, is_turn
from mft_core.errors import MftError
from mft_core.interfaces import RawRecord, Reader
from mft_readers.json_stream import JsonStream

LONG_LINE = 1 << 20
"""Bytes of a line that takes time to parse."""


class JsonDocuments(Reader):
    """An array of records, an object with one list of records in it, or one record: an object, or an array of turns.

    They are read bit by bit, whatever their size. Places are indices in the array, from 0. A file in which every line
    is a record is read as JSON Lines.
    """

    suffixes: ClassVar = (".json",)
    unread_hint: ClassVar = "it is no array of objects, and no record, nor a list of such, is in it"

    def records(self, path: Path) -> Iterator[RawRecord]:
        """Every element of the array or list, or every line."""
        if _is_lines(path):
            for number, line in read_lines(path):
                yield RawRecord(number, line)
            return
        stream = JsonStream(blocks(path), path)
        if stream.peek() == "{":
            yield from _of_object(stream)
        elif stream.peek() == "[":
            yield from _of_array(stream)
        elif stream.peek():
            raise stream.fault("neither an array nor an object")
        stream.end()

    def place_form(self, path: Path) -> str:
        """Lines or indices."""
        return super().place_form(path) if _is_lines(path) else "[{place}]"

    def recognises(self, path: Path) -> bool:
        """Whether it begins as an array of objects, or holds a record, or an object with a list of them."""
        try:
            if _is_lines(path):
                return True
            stream = JsonStream(blocks(path), path)
            if stream.peek() == "{":
                return any(True for _ in _of_object(stream))
            return stream.peek() == "[" and isinstance(next(stream.elements(), ("", ""))[0], (dict, list))
        except MftError:
            return False

    def check_beginning(self, path: Path, block: bytes, whole: bool) -> None:
        """Refuse what is in another encoding, or Parquet, gzip and the like."""
        refuse_other_encoding(path, block, whole)


def _is_lines(path: Path) -> bool:
    """Whether it is JSON Lines: its first line is a record, or an object that another one follows."""
    first = first_line(path, LONG_LINE)
    if len(first) > LONG_LINE:
        return _ends_before_another(path)
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict):
        return False
    return has_record_key(value) or any(line.startswith(b"{") for _, line in islice(read_lines(path), 1, 2))


def _ends_before_another(path: Path) -> bool:
    """Whether the first line ends an object, and the next one begins another: as it is in no document. A long line is
    not parsed for it, since a whole document may be one.
    """
    last, ended = b"", False
    try:
        for block in blocks(path):
            text = block if last else block.lstrip()
            if not ended:
                line, newline, text = text.partition(b"\n")
                last, ended = line.rstrip()[-1:] or last, bool(newline)
            if ended and (text := text.lstrip()):
                return last == b"}" and text.startswith(b"{")
    except MftError:  # said where the records are read
        return False
    return False


def _of_array(stream: JsonStream) -> Iterator[RawRecord]:
    """The elements of an array, which comes next; one of turns is one conversation."""
    elements = stream.elements()
    first = next(elements, None)
    if first is not None and is_turn(first[0]):
        yield RawRecord(0, _bytes(f'{{"messages":[{_joined(chain([first], elements), stream)}]}}'))
    elif first is not None:
        yield from _numbered(chain([first], elements))


def _of_object(stream: JsonStream) -> Iterator[RawRecord]:
    """The records in an object, which comes next: those of its one list of objects, or itself."""
    members: list[str] = []
    size, listed, is_record = 0, "", False
    for name in _names(stream):
        is_record = is_record or name in RECORD_KEYS
        if stream.peek() != "[" or is_record:
            members.append(f"{json.dumps(name)}:{stream.value()[1]}")
            size += len(members[-1])
            stream.refuse_long(size)
            continue
        elements = stream.elements()
        first = next(elements, None)
        if first is None or not isinstance(first[0], dict):
            members.append(f"{json.dumps(name)}:[{_joined(chain([first] if first else [], elements), stream)}]")
            continue
        if listed:
            why = f"{listed!r} and {name!r} in it are lists of objects: which of them holds the records is not clear"
            raise stream.without_records(why)
        listed = name
        yield from _numbered(chain([first], elements))
    if is_record == bool(listed):
        what = f"it is a record, and {listed!r} in it may be records too" if listed else "an object without records"
        raise stream.without_records(what)
    if is_record:
        yield RawRecord(0, _bytes(f"{{{','.join(members)}}}"))


def _names(stream: JsonStream) -> Iterator[str]:
    """The names in an object, which comes next; whoever asks for the next one has read the value of the last."""
    stream.take("{")
    while stream.peek() != "}":
        name, _ = stream.value()
        if not isinstance(name, str):
            raise stream.fault("a name in an object must be a string")
        stream.take(":")
        yield name
        if stream.peek() != "}":
            stream.take(",")
    stream.take("}")


def _numbered(elements: Iterable[tuple[Any, str]]) -> Iterator[RawRecord]:
    for place, (_, text) in enumerate(elements):
        yield RawRecord(place, _bytes(text))


def _joined(elements: Iterable[tuple[Any, str]], stream: JsonStream) -> str:
    """Elements that are no records of their own, with commas between them."""
    texts, size = [], 0
    for _, text in elements:
        texts.append(text)
        size += len(text)
        stream.refuse_long(size)
    return ",".join(texts)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
