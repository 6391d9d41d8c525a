"""Where blocks of languages with braces begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator

SKIPPED = r"//[^\n]*|/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
MARKS = re.compile(rf"{SKIPPED}|`(?:\\.|[^`\\])*`|[{{}}]", re.DOTALL)
"""Comments and literals as wholes, so that braces in them do not count."""


def cut_at_end(text: str, depth: int) -> str:
    """A continuation up to the brace that closes what was open, which is added where the text ends too early.

    Args:
        text: what a model wrote.
        depth: blocks that the prompt has left open.
    """
    for position, brace in _braces(text):
        depth += 1 if brace == "{" else -1
        if depth == 0:
            return text[: position + 1] + "\n"
    return text.rstrip() + "\n" + "}" * depth + "\n"


def open_blocks(source: str) -> list[int]:
    """The positions of the braces that nothing closes, the outermost first."""
    open_at: list[int] = []
    for position, brace in _braces(source):
        if brace == "{":
            open_at.append(position)
        elif open_at:
            open_at.pop()
    return open_at


def _braces(source: str) -> Iterator[tuple[int, str]]:
    for match in MARKS.finditer(source):
        if match[0] in "{}":
            yield match.start(), match[0]
