"""What a file is by its name, for training, validation or testing, and by its first line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mft_core.data.compression import blocks, uncompressed_name
from mft_core.data.file_formats import BYTE_ORDER_MARK
from mft_core.data.jsonl import LONGEST_LINE
from mft_core.data.record_forms import RECORD_KEYS
from mft_core.errors import MftError
from mft_core.support.unicode_names import composed, is_mark

VALIDATION = ("valid", "validation", "val", "dev", "eval", "evaluation")
TRAIN, TEST = "train", "test"
KINDS = (TRAIN, *VALIDATION, TEST)

NO_DATA = re.compile(r"(readme|licen[cs]e|copying|notice|changelog|citation|requirements)\b.*", re.IGNORECASE)
"""Names of files that go with data and are none, whatever they hold."""
COMPANION = re.compile(rf"{NO_DATA.pattern}|.*\.(md|rst|lock)|(dataset_dict|dataset_infos?|state)\.json", re.IGNORECASE)
"""Names of files that go with data and that nobody expects to be read, unless there is nothing else."""


def stem(path: Path) -> str:
    """The file's name without its suffix and that of its compression."""
    return Path(uncompressed_name(path.name)).stem


def kind(name: str, beside: Iterable[str] = ()) -> str:
    """One of `KINDS`, or "": what the words of a file's stem say that it is for.

    The first word counts ("test-00001", "Valid.small", but neither "testing_tools" nor "unit_test"), or the last one
    where the same name with "train" in its place, or with another such word, is `beside` it ("sql_train", "sql_valid").
    Those beside are looked through for such names alone.
    """
    words = _words(name)
    if not words:
        return ""
    if words[0] in KINDS:
        return words[0]
    if words[-1] in KINDS and any(_is_counterpart(words, _words(other)) for other in beside):
        return words[-1]
    return ""


def _words(name: str) -> list[str]:
    letters = (character if character.isalpha() or is_mark(character) else " " for character in composed(name).lower())
    return "".join(letters).split()


def _is_counterpart(words: list[str], others: list[str]) -> bool:
    if words[:-1] != others[:-1] or words[-1] == others[-1] or others[-1] not in KINDS:
        return False
    return TRAIN in (words[-1], others[-1])


def first_line(path: Path, longest: int = LONGEST_LINE) -> bytes:
    """The first line that is not blank, or a beginning of more than `longest` bytes; b"" where it begins no object, or
    cannot be read.
    """
    begun = b""
    try:
        for block in blocks(path):
            begun = (begun + block).removeprefix(BYTE_ORDER_MARK).lstrip()
            line, end, _ = begun.partition(b"\n")
            if begun[:1] not in (b"", b"{") or end or len(begun) > longest:
                return line if begun.startswith(b"{") else b""
    except MftError:
        return b""
    return begun if begun.startswith(b"{") else b""


def has_record_key(value: Mapping[str, Any]) -> bool:
    """Whether an object has a key of a form of records."""
    return not RECORD_KEYS.isdisjoint(value)
