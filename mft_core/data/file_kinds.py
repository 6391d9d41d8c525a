"""What a file is by its name: JSON Lines or not, for training, validation or testing."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path

from mft_core.data.record_forms import USED
from mft_core.support.unicode_names import composed, is_mark

JSON_LINES = re.compile(r"\.(jsonl|ndjson|json)(\.gz)?$", re.IGNORECASE)
VALIDATION = ("valid", "validation", "val", "dev", "eval", "evaluation")
TRAIN, TEST = "train", "test"
KINDS = (TRAIN, *VALIDATION, TEST)
MOST_OF_A_LINE = 1 << 26
"""Bytes of a first line that are looked at."""


def is_json_lines(path: Path) -> bool:
    """Whether the file is read: by its suffix and, since .json may be anything, by the first line of such a file."""
    suffix = JSON_LINES.search(path.name)
    if suffix is None or path.name.startswith(".") or not path.is_file():
        return False
    return suffix[1].lower() != "json" or _begins_with_a_record(path)


def stem(path: Path) -> str:
    """The file's name without .jsonl, .ndjson or .json and .gz."""
    return JSON_LINES.sub("", path.name)


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


def _begins_with_a_record(path: Path) -> bool:
    try:
        with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            first = next((line for line in iter(lambda: stream.readline(MOST_OF_A_LINE), b"") if line.strip()), b"")
        record = json.loads(first.decode("utf-8-sig"))
    except (OSError, EOFError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and not (USED | {"text"}).isdisjoint(record)
