"""What addresses ask for, as values."""

from __future__ import annotations

MOST_DIGITS = 8


def number(text: str) -> int:
    """A whole number that is not negative; 0 for whatever is none, or is longer than any page here needs."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else 0
