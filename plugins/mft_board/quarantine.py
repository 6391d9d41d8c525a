"""Refused records of a run by their reason, of a file that may be large."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST_BYTES, MOST_SHOWN, MOST_LETTERS = 32 << 20, 3, 600


@dataclass
class Refused:
    """What was refused for one reason.

    Attributes:
        tasks: how many records, by task.
        first: the first few: "origin", "detail", "record".
    """

    tasks: Counter[str] = field(default_factory=Counter)
    first: list[dict[str, str]] = field(default_factory=list)


def read_refused(path: Path) -> tuple[dict[str, Refused], bool]:
    """By reason; and whether that is all there is, as the first 32 MiB are read."""
    found: dict[str, Refused] = {}
    if not path.is_file():
        return found, True
    with path.open("rb") as stream:
        for line in stream:
            if stream.tell() > MOST_BYTES:
                return found, False
            _add(found, line)
    return found, True


def _add(found: dict[str, Refused], line: bytes) -> None:
    try:
        record: dict[str, Any] = json.loads(line)
        of_reason = found.setdefault(str(record["reason"]), Refused())
        of_reason.tasks[str(record["task"])] += 1
    except (ValueError, KeyError, TypeError):
        return  # being written, or of another version
    if len(of_reason.first) < MOST_SHOWN:
        of_reason.first.append(
            {key: str(record.get(key, ""))[:MOST_LETTERS] for key in ("task", "origin", "detail", "record")}
        )
