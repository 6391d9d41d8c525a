"""What a file is by its first bytes, where it is not JSON Lines in UTF-8, and how to make JSON Lines of it."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mft_core.errors import MftError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UTF32_MARKS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
LEAST_NULS = 0.2
"""Of every other byte of UTF-16: a text of code has ASCII among its characters."""
LOOKED_AT = 1024
LINES_OF_A_TABLE = 5

LIST_OF_LISTS = re.compile(rb"\s*\[\s*\[")
LIST_OF_TURNS = re.compile(rb'\s*\[\s*\{\s*"(role|from)"')
"""How an array over several lines begins, whose first line alone says nothing."""

_PANDAS = "python -c \"import pandas; pandas.{read}({input}).to_json({output}, orient='records', lines=True)\""

FORMATS = (
    (b"PAR1", "a Parquet file", _PANDAS.replace("{read}", "read_parquet")),
    (b"\x1f\x8b", "compressed by gzip", "mv {file} {file}.gz"),
    (b"PK\x03\x04", "a ZIP archive (or an Excel file, which is one)", "unzip {file}"),
    (b"SQLite format 3\x00", "an SQLite database", "sqlite3 -json {file} 'SELECT * FROM TABLE' | jq -c '.[]' > NEW"),
    (b"ARROW1", "an Arrow file", _PANDAS.replace("{read}", "read_feather")),
    (
        b"\xff\xff\xff\xff",
        "an Arrow stream, as the datasets library keeps them",
        'python -c "import datasets; datasets.Dataset.from_file({input}).to_json({output})"',
    ),
    (b"\xfd7zXZ\x00", "compressed by xz", "xz -dc {file} > NEW"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -dc {file} > NEW"),
    (b"BZh", "compressed by bzip2", "bzip2 -dc {file} > NEW"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x {file}"),
)
"""First bytes, what has them, and the command that makes of it what can be read."""


def refuse_other_format(path: Path, block: bytes, whole: bool) -> None:
    """Refuse a file that is not JSON Lines in UTF-8 by what it begins with.

    Args:
        path: of the file, for the message.
        block: its first bytes, uncompressed where its name ends in .gz.
        whole: `block` is all of it.

    Raises:
        MftError: it is another format or in another encoding; the hint says how to make JSON Lines of it.
    """
    found = other_format(path, block, whole)
    if found is not None:
        what, hint = found
        raise MftError(f"{path} is {what}, not JSON Lines.", hint.replace("{file}", shlex.quote(path.name)))


def other_format(path: Path, block: bytes, whole: bool) -> tuple[str, str] | None:
    """What a file is and how to make JSON Lines of it, with "{file}" for its name; None where it may be JSON Lines.

    Args:
        path: of the file, whose name some commands need.
        block: its first bytes, uncompressed where its name ends in .gz.
        whole: `block` is all of it.
    """
    lines = [line for line in block.split(b"\n")[: None if whole else -1] if line.strip()]
    return _by_magic(block, path) or _by_encoding(block, lines) or _by_form(block.removeprefix(BYTE_ORDER_MARK), path)


def _by_magic(block: bytes, path: Path) -> tuple[str, str] | None:
    for magic, what, command in FORMATS:
        if block.startswith(magic):
            filled = command.replace("{input}", repr(path.name)).replace("{output}", repr(f"{path.stem}.jsonl"))
            return what, f"Convert it: {filled}"
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


def _by_form(block: bytes, path: Path) -> tuple[str, str] | None:
    lines = [line for line in block.split(b"\n") if line.strip()][: LINES_OF_A_TABLE + 1]
    if not lines:
        return None
    if lines[0].strip().startswith(b"["):
        return _array(lines, block)
    if lines[0].strip() == b"{" and len(lines) > 1 and not isinstance(_parsed(lines[1]), dict):
        return "JSON over several lines", "Write one object a line: jq -c . {file} > NEW.jsonl"
    if separator := _separator(lines[:LINES_OF_A_TABLE]):
        read = f"pandas.read_csv({path.name!r}, sep={separator!r})"
        command = f"python -c \"import pandas; {read}.to_json('NEW.jsonl', orient='records', lines=True)\""
        return "a table (CSV)", f"Convert it: {command}"
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
        return "one JSON array", "Write one object a line: jq -c '.[] | {messages: .}' {file} > NEW.jsonl"
    if LIST_OF_TURNS.match(block):
        return "one JSON array", "Name the turns in it: jq -c '{messages: .}' {file} > NEW.jsonl"
    return "one JSON array", "Write one object a line: jq -c '.[]' {file} > NEW.jsonl"


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
