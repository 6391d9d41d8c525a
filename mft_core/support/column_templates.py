"""Texts with columns in braces: `Write SQL.\n{schema}\n{question}`; doubled braces stand for themselves."""

from __future__ import annotations

import re
from collections.abc import Callable

PIECE = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")


def is_template(text: str) -> bool:
    """Whether it is a template rather than the name of a column."""
    return "{" in text or "}" in text


def checked_template(text: str) -> str:
    """The text itself, if it is the name of a column or a template.

    Raises:
        ValueError: it is neither.
    """
    if not text.strip():
        raise ValueError("name a column, or give a template with columns in braces")
    if is_template(text):
        if {"{", "}"} & set(PIECE.sub("", text)):
            raise ValueError(f"a brace of {text!r} has no other; write {{{{ or }}}} for one that stands for itself")
        if not columns_in(text):
            raise ValueError(f"no column in braces in {text!r}")
    return text


def columns_in(text: str) -> list[str]:
    """The columns that a template shows, or the one column that is named."""
    return [name for name in PIECE.findall(text) if name] if is_template(text) else [text]


def filled(text: str, content: Callable[[str], str]) -> str:
    """The template with the content of every column in its place."""
    return PIECE.sub(lambda piece: content(piece[1]) if piece[1] else piece[0][0], text)
