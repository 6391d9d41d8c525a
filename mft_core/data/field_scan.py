"""Files looked through once for the tasks that a field of their records names; what was found is kept.

A record takes two bytes, on disk and in memory.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from mft_core.data.line_parsing import parse_line
from mft_core.data.reader import FileContent, RawRecord, Reader
from mft_core.data.readers import Readers
from mft_core.data.task_field import MISSING, task_name, task_value
from mft_core.errors import MftError, RecordError, UsageError
from mft_core.support.durable import whole_folder
from mft_core.support.lists import first_few
from mft_core.support.reading import ReaderChoice
from mft_core.support.shared_files import FileParts

SCAN_VERSION = 1
MOST_TASKS = 1000
NO_TASK = -1
FOUND, NUMBERS = "found.json", "numbers.bin"
MOST_KEYS = 100


def file_parts(path: Path, choice: ReaderChoice | None, readers: Readers, field: str, cache: Path) -> FileParts:
    """The tasks of a file's records; looked up in `cache` where the same content was looked through before.

    Args:
        path: the file.
        choice: its reader; None: the one that its suffix asks for.
        readers: all that there are.
        field: which says what task a record is of.
        cache: a folder for what is found.

    Raises:
        UsageError: the field has more than `MOST_TASKS` values.
        MftError: the file cannot be read, or the folder not be written.
    """
    reader = readers.reader_of(path, choice)
    content = reader.inspect(path)
    key = json.dumps([SCAN_VERSION, reader.fingerprint, content.digest, field])
    folder = cache / hashlib.sha256(key.encode()).hexdigest()[:32]
    parts = _kept(folder, content) or _kept_anew(folder, content, reader.records(path), path, field)
    return replace(parts, reader=choice)


def numbered_records(path: Path, parts: FileParts, reader: Reader) -> Iterator[tuple[RawRecord, int]]:
    """Every record of a file, with the number of its value, or `NO_TASK`.

    Raises:
        MftError: it cannot be read, or has changed since it was looked through.
    """
    for record, number in zip_longest(reader.records(path), memoryview(parts.numbers.data)):
        if record is None or number is None:
            raise MftError(f"{path} has changed since it was looked through.", "Start again.")
        yield record, number


def value_of(record: RawRecord, field: str) -> str:
    """What a record says under the field, as `task_value` has it.

    Raises:
        RecordError: it cannot be read, or names no task.
    """
    if record.fault is not None:
        raise RecordError(*record.fault)
    return task_value(parse_line(record.text), field)


def _quick_value(record: RawRecord, field: str) -> str:
    """The same; of lines that `parse_line` refuses some have one, and are refused when they are tokenised."""
    if record.fault is not None:
        raise RecordError(*record.fault)
    try:
        value = json.loads(record.text)
    except (ValueError, RecursionError):
        value = parse_line(record.text)
    return task_value(value, field)


def _kept_anew(folder: Path, content: FileContent, records: Iterator[RawRecord], path: Path, field: str) -> FileParts:
    values: dict[str, int] = {}
    numbers, keys = array("h"), None
    for record in records:
        try:
            numbers.append(values.setdefault(_quick_value(record, field), len(values)))
        except RecordError as error:
            numbers.append(NO_TASK)
            if keys is None and error.reason == MISSING:
                keys = _keys(record)
        if len(values) > MOST_TASKS:
            raise too_many_tasks(field, values, f" in {path}")
    kept = {"values": list(values), "keys": keys or [], "checksum": zlib.crc32(numbers.tobytes())}
    try:
        with whole_folder(folder) as written:
            (written / NUMBERS).write_bytes(numbers.tobytes())
            (written / FOUND).write_text(json.dumps(kept), encoding="utf-8")
    except OSError as error:
        hint = "Check the space and the rights there; MFT_CACHE names another folder."
        raise MftError(f"The cache {folder.parent} cannot be written: {error}", hint) from error
    return _parts(kept, numbers.tobytes(), content)


def too_many_tasks(field: str, values: object, where: str = "") -> UsageError:
    """What is wrong with a field that has more values than there may be tasks.

    Args:
        values: some of them, in order.
        where: " in FILE".
    """
    shown = first_few([repr(value) for value in list(values)[:5]])  # type: ignore[call-overload]
    return UsageError(
        f"task_field: {field!r} has more than {MOST_TASKS:,} different values{where}: {shown}, ...",
        "It looks like a number for each record. Name a field with the kind of a record, such as its channel.",
    )


def _keys(record: RawRecord) -> list[str]:
    value = parse_line(record.text)
    return [str(key) for key in value][:MOST_KEYS] if isinstance(value, dict) else []


def _kept(folder: Path, content: FileContent) -> FileParts | None:
    """What is in the cache; None where there is nothing, or it is damaged."""
    try:
        kept = json.loads((folder / FOUND).read_text(encoding="utf-8"))
        numbers = (folder / NUMBERS).read_bytes()
        return _parts(kept, numbers, content) if zlib.crc32(numbers) == kept["checksum"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _parts(kept: dict[str, Any], numbers: bytes, content: FileContent) -> FileParts:
    values = tuple(kept["values"])
    names = tuple(map(task_name, values))
    return FileParts(values, names, np.frombuffer(numbers, np.int16), tuple(kept["keys"]), *content)
