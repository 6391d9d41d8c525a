"""The nearest right word for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate most like `word`, or "" where none is near."""
    from difflib import get_close_matches

    known = {candidate.lower(): candidate for candidate in candidates}
    matches = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return known[matches[0]] if matches else ""


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A sentence for the hint of an error: a suggestion where there is a near one, then all there is."""
    candidates = sorted(candidates)
    match = nearest(word, candidates)
    suggestion = f"Did you mean {match!r}? " if match else ""
    return f"{suggestion}There is: {', '.join(candidates) or 'nothing'}."
