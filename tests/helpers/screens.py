"""Text that is to be printed anywhere."""

from __future__ import annotations


def control_characters(text: str) -> list[str]:
    return [char for char in text if not char.isprintable() and char != "\n"]
