"""What a file is by its first bytes, where it is not what its name says, and what to do about it."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mft_core.data.compression import uncompressed_name
from mft_core.errors import MftError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UTF32_MARKS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
LEAST_NULS = 0.2
"""Of every other byte of UTF-16: a text of code has ASCII among its characters."""
LOOKED_AT = 1024
LINES_OF_A_TABLE = 5

RENAME = "Name it for what it is: mv {file} {stem}.SUFFIX"

LIST_OF_LISTS = re.compile(rb"\s*\[\s*\[")
LIST_OF_TURNS = re.compile(rb'\s*\[\s*\{\s*"(role|from)"')
"""How an array over several lines begins, whose first line alone says nothing."""

FORMATS = (
    (b"PAR1", "a Parquet file", RENAME.replace("SUFFIX", "parquet")),
    (b"ARROW1", "an Arrow file", RENAME.replace("SUFFIX", "arrow")),
    (b"\xff\xff\xff\xff", "an Arrow stream, as the datasets library keeps them", RENAME.replace("SUFFIX", "arrow")),
    (b"\x1f\x8b", "compressed by gzip", "Name it for what it is: mv {file} {file}.gz"),
    (b"\xfd7zXZ\x00", "compressed by xz", "Name it for what it is: mv {file} {file}.xz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "Name it for what it is: mv {file} {file}.zst"),
    (b"BZh", "compressed by bzip2", "Name it for what it is: mv {file} {file}.bz2"),
    (b"PK\x03\x04", "a ZIP archive (or an Excel file, which is one)", "Unpack it: unzip {file}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it: 7z x {file}"),
    (
        b"SQLite format 3\x00",
        "an SQLite database",
        "Convert it: sqlite3 -json {file} 'SELECT * FROM TABLE' > NEW.json; or use a reader: docs/plugins.md has one",
    ),
)
"""First bytes, what has them, and what to do so that it can be read."""


def refuse_other_format(path: Path, block: bytes, whole: bool) -> None:
    """Refuse a file that is not JSON Lines in UTF-8 by what it begins with.

    Args:
        path: of the file, for the message.
        block: its first bytes, decompressed where its name says so.
        whole: `block` is all of it.

    Raises:
        MftError: it is another format or in another encoding; the hint says what to do.
    """
    refuse_other_encoding(path, block, whole)
    if found := _by_form(block.removeprefix(BYTE_ORDER_MARK)):
        raise _misnamed(path, *found)


def refuse_other_encoding(path: Path, block: bytes, whole: bool) -> None:
    """Refuse a file that is not text in UTF-8; arguments and errors are those of `refuse_other_format`."""
    lines = [line for line in block.split(b"\n")[: None if whole else -1] if line.strip()]
    if found := _by_magic(block) or _by_encoding(block, lines):
        raise _misnamed(path, *found)


def _misnamed(path: Path, what: str, hint: str) -> MftError:
    stem = uncompressed_name(path.name).rpartition(".")[0] or path.name
    hint = hint.replace("{file}", shlex.quote(path.name)).replace("{stem}", shlex.quote(stem))
    return MftError(f"{path} is {what}, not what its name says.", hint)


def _by_magic(block: bytes) -> tuple[str, str] | None:
    for magic, what, hint in FORMATS:
        if block.startswith(magic):
            return what, hint
    if block[257:262] == b"ustar":
        return "a tar archive", "Unpack it: tar -xf {file}"
    return None


def _by_encoding(block: bytes, lines: Sequence[bytes]) -> tuple[str, str] | None:
    if block.startswith(UTF32_MARKS):
        return "UTF-32", _conversion("UTF-32")
    if block.startswith(UTF16_MARKS) or _looks_like_utf16(block[:LOOKED_AT]):
        return "UTF-16", _conversion("UTF-16" if block.startswith(UTF16_MARKS) else _byte_order(block))
    if block and not block.strip(b"\x00"):
        return "empty but for NUL bytes, as after a crash or on a full disk", "Make or copy it anew."
    foreign = [line for line in lines if not line.isascii()]
    if foreign and not any(_decodes(line, "utf-8") for line in foreign):
        if all(_decodes(line, "gb18030") for line in foreign):
            return "not UTF-8 (it may be GBK or Latin-1)", f"{_conversion('GBK')} (or -f LATIN1)"
        if len(foreign) == len(lines) or len(foreign) > LINES_OF_A_TABLE:
            return "not UTF-8 (it may be Latin-1)", f"{_conversion('LATIN1')} (or the encoding that it was written in)"
    return None


def _looks_like_utf16(start: bytes) -> bool:
    """NULs at every other byte; those that a crash leaves are beside each other."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    return min(even, odd) == 0 and max(even, odd) > LEAST_NULS * len(start) / 2


def _byte_order(block: bytes) -> str:
    return "UTF-16LE" if block[:LOOKED_AT][1::2].count(0) else "UTF-16BE"


def _conversion(encoding: str) -> str:
    return f"Convert it: iconv -f {encoding} -t UTF-8 {{file}} > NEW_FILE"


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _by_form(block: bytes) -> tuple[str, str] | None:
    lines = [line for line in block.split(b"\n") if line.strip()][: LINES_OF_A_TABLE + 1]
    if not lines:
        return None
    if lines[0].strip().startswith(b"["):
        return _array(lines, block)
    if lines[0].strip() == b"{" and len(lines) > 1 and not isinstance(_parsed(lines[1]), dict):
        return "JSON over several lines", "Write one object a line: jq -c . {file} > NEW.jsonl"
    if separator := _separator(lines[:LINES_OF_A_TABLE]):
        return "a table (CSV)", RENAME.replace("SUFFIX", "tsv" if separator == "\t" else "csv")
    return None


def _array(lines: Sequence[bytes], block: bytes) -> tuple[str, str]:
    """One array over the whole file, or one in each line; a list of turns is not to be torn apart."""
    first = _parsed(lines[0])
    second = _parsed(lines[1]) if len(lines) > 1 else None
    if isinstance(first, list) and (isinstance(second, list) or _is_turn(first)):
        if _is_turn(first):
            return "lines of arrays", "Name the turns: jq -c '{messages: .}' {file} > NEW.jsonl"
        return "lines of arrays", "Name what is in them: jq -c '{prompt: .[0], response: .[1]}' {file} > NEW.jsonl"
    if LIST_OF_LISTS.match(block):
        return "one JSON array of arrays", "Name the turns: jq -c '.[] | {messages: .}' {file} > NEW.jsonl"
    if LIST_OF_TURNS.match(block):
        return "one JSON array of turns", "Name the turns: jq -c '{messages: .}' {file} > NEW.jsonl"
    return "one JSON array", RENAME.replace("SUFFIX", "json")


def _is_turn(items: list[Any]) -> bool:
    return bool(items) and isinstance(items[0], dict) and not {"role", "from"}.isdisjoint(items[0])


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _separator(lines: Sequence[bytes]) -> str:
    """What separates the columns, "": the lines are no table."""
    if len(lines) < 2 or any(line.lstrip().startswith((b"{", b"[")) for line in lines):
        return ""
    texts = [line.decode("utf-8", "replace").strip() for line in lines]
    for separator in (",", "\t", ";"):
        columns = len(next(csv.reader(texts[:1], delimiter=separator)))
        if columns > 1 and all(len(row) == columns for row in csv.reader(texts[:2], delimiter=separator)):
            return separator
    return ""
