"""Names that are the same to people, whichever of Unicode's forms they are typed or stored in."""

from __future__ import annotations

import unicodedata
from pathlib import Path

JOINERS = "\u200c\u200d"
"""Zero width, and part of how words are spelt in Persian, Sinhala, Malayalam and others."""


def composed(name: str) -> str:
    """The name in Unicode's form NFC, in which names are compared and written; macOS, for one, may store another."""
    return unicodedata.normalize("NFC", name)


def strange_character(name: str) -> str:
    """The first one that is no letter, mark (accent, vowel sign of Hindi), digit, "-", "_" or "."; "": there is none.

    A mark has something to stand on, and a joiner stands between letters of such scripts: nothing in a name is unseen.
    """
    for before, character, after in zip(["", *name], name, [*name[1:], ""], strict=False):
        if character in JOINERS:
            belongs = _is_joined(before) and _is_joined(after)
        else:
            belongs = character.isalnum() or character in "-_." or (is_mark(character) and before != "")
        if not belongs:
            return character
    return ""


def is_mark(character: str) -> bool:
    """Whether it is a mark that belongs to the letter before it."""
    return unicodedata.category(character).startswith("M")


def as_on_disk(path: Path) -> Path:
    """The path in the form in which the file system has it, where that differs in Unicode's form alone; else as it is.

    Where a part is not there, and one entry beside it is equal to it in form NFC, that entry is meant.
    """
    if path.exists():
        return path
    found = Path()
    for part in path.parts:
        found = found / _entry(found, part)
    return found


def _entry(folder: Path, part: str) -> str:
    if part.isascii() or (folder / part).exists() or not folder.is_dir():
        return part
    try:
        alike = [entry.name for entry in folder.iterdir() if composed(entry.name) == composed(part)]
    except OSError:  # it cannot be listed; whoever opens the path says so
        return part
    return alike[0] if len(alike) == 1 else part


def _is_joined(character: str) -> bool:
    return character > "\x7f" and (character.isalpha() or is_mark(character))
