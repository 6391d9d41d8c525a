"""Many things in one line: the first few, and how many more."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 5


def first_few(items: Iterable[object], most: int = MOST, of_what: str = "") -> str:
    """ "a, b, c": all of up to `most` items; of more, the first `most` and a count: "a, b, c and 297 more tasks".

    Args:
        of_what: what they are, in the plural, said behind the count.
    """
    listed = [str(item) for item in items]
    shown = ", ".join(listed[:most])
    rest = len(listed) - most
    return f"{shown} and {rest:,} more {of_what}".rstrip() if rest > 0 else shown
