"""What an audit found, with the records themselves where they can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from mft_core.audit.result import FORMAT
from mft_core.errors import UsageError

MOST_LETTERS, MOST_LINES = 2000, 2_000_000
PLACE = re.compile(r"(.+\.jsonl):([1-9]\d*)")


def read_audit(path: Path) -> Mapping[str, Any]:
    """An audit's file.

    Raises:
        UsageError: it is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT or not all(isinstance(found[key], list) for key in ("pairs", "leaks", "records")):
            raise ValueError("it has another format")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no audit: {error}", "`mft data audit` writes one.") from error
    return found


def record_at(origin: str, beside: Path, holds: Callable[[Path], bool]) -> str:
    """The record that stands there, a line of a JSONL file in the board's folders; "": it cannot be shown.

    Args:
        origin: as an audit names it, "file:line".
        beside: the audit, whose folders a relative path is looked for from.
        holds: whether a path is in the board's folders.
    """
    place = PLACE.fullmatch(origin)
    if place is None or int(place[2]) > MOST_LINES:
        return ""
    for path in _candidates(Path(place[1]), beside):
        if path.is_file() and holds(path):
            with path.open("rb") as stream:
                line = next(islice(stream, int(place[2]) - 1, None), b"")
            return _readable(line.decode(errors="replace"))
    return ""


def _candidates(path: Path, beside: Path) -> Iterator[Path]:
    if path.is_absolute():
        yield path
    else:
        yield from (folder / path for folder in beside.parents)


def _readable(line: str) -> str:
    """Fields one below the other, with their own line breaks."""
    try:
        record = json.loads(line)
    except ValueError:
        return line[:MOST_LETTERS]
    if not isinstance(record, dict):
        return line[:MOST_LETTERS]
    words = [
        f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in record.items()
    ]
    return "\n".join(words)[:MOST_LETTERS]
