"""Thoughts that a model writes before what it says: `<think>...</think>`."""

from __future__ import annotations

import re
from typing import NamedTuple

NAMES = ("think", "thinking", "thought", "reasoning")
_OPENED = re.compile(rf"\s*<({'|'.join(NAMES)})>(.*?)</\1>(.*)", re.DOTALL)
# Where the prompt itself opens the thought, the model writes its end alone. In code about such marks they share a line.
_CLOSED = re.compile(rf".*?^[ \t]*</({'|'.join(NAMES)})>[ \t]*$", re.DOTALL | re.MULTILINE)


class Thought(NamedTuple):
    """An answer in its parts.

    Attributes:
        name: of the marks, such as "think".
        thought: between the marks.
        said: after them, as it stands there.
    """

    name: str
    thought: str
    said: str


def split_thought(text: str) -> Thought | None:
    """The parts of an answer that begins with a thought; None for any other text."""
    match = _OPENED.fullmatch(text)
    return Thought(match[1], match[2], match[3]) if match else None


def with_thought(thought: str, said: str) -> str:
    """An answer that begins with a thought, as `split_thought` finds it; "": none."""
    return f"<{NAMES[0]}>\n{thought}\n</{NAMES[0]}>\n\n{said}" if thought.strip() else said


def without_thought(text: str) -> str:
    """What an answer says after its thought, with no white space before it; the text itself where it has no thought."""
    if parts := split_thought(text):
        return parts.said.lstrip()
    match = _CLOSED.match(text)
    return text[match.end() :].lstrip() if match else text
