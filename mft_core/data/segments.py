"""Texts without a template, in segments of which some are learned, as axolotl's `input_output` has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mft_core.errors import RecordError

SEGMENTS = "segments"


def has_segments(value: Mapping[str, Any]) -> bool:
    """Whether the record holds segments with labels; those of a transcript, for one, have none."""
    items = value.get(SEGMENTS)
    return isinstance(items, list) and bool(items) and all(isinstance(item, dict) and "label" in item for item in items)


def read_segments(value: Mapping[str, Any]) -> tuple[str, tuple[tuple[int, bool], ...]]:
    """The whole text, and of every segment how many characters it has and whether it is learned.

    Raises:
        RecordError: "content is not text", "bad segments" or "empty text".
    """
    texts, found = [], []
    for number, item in enumerate(value[SEGMENTS], 1):
        text, label = item.get("text"), item["label"]
        if not isinstance(text, str):
            raise RecordError("content is not text", f"segment {number} has no text under `text`")
        if not isinstance(label, bool | int) or label not in (0, 1):
            raise RecordError("bad segments", f"segment {number} has the label {str(label)[:40]!r}: give true or false")
        if others := item.keys() - {"text", "label"}:
            raise RecordError("bad segments", f"segment {number} has more than a text and a label: {', '.join(others)}")
        texts.append(text)
        found.append((len(text), bool(label)))
    if not any(label and text.strip() for text, (_, label) in zip(texts, found, strict=True)):
        raise RecordError("empty text", "no segment that is learned holds anything")
    return "".join(texts), tuple(found)
