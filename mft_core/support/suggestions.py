"""The nearest right word for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mft_core.support.lists import first_few

MOST_LISTED = 20


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate most like `word`, or "" where none is near."""
    from difflib import get_close_matches

    known = {candidate.lower(): candidate for candidate in candidates}
    matches = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return known[matches[0]] if matches else ""


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A sentence for the hint of an error: a suggestion where there is a near one, then what there is."""
    candidates = sorted(candidates)
    match = nearest(word, candidates)
    suggestion = f"Did you mean {match!r}? " if match else ""
    return f"{suggestion}There is: {first_few(candidates, MOST_LISTED) or 'nothing'}."


def nearest_folder(path: Path) -> str:
    """For a path that is not there, the folder beside it with the most similar name; "" where there is none."""
    match = nearest(path.name, [each.name for each in folders_in(path.parent)])
    return str(path.parent / match) if match else ""


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder; none where it cannot be read."""
    try:
        return sorted(each for each in folder.iterdir() if each.is_dir())
    except OSError:
        return []
