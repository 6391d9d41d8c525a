"""Code blocks of Markdown as models write them: a fence may share its line with code, and the last may be missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from mft_core.evaluation.python_parsing import is_python

PYTHON = ("", "python", "py", "python3")
OPENING = re.compile(r"(?:^[ \t]*|(?<=[\s:.,])(?=`{3,}\w+[ \t]*$))(`{3,}|~{3,})[ \t]*([^\n]*)$\n?", re.MULTILINE)
"""A fence at the start of a line, or one behind a sentence that names its language."""
TAG = re.compile(r"\{?\.?([\w+#-]*)\}?[ \t]*")
STATEMENT = re.compile(r"(?:import|from) \w|(?:async )?def \w+ *\(|class \w+.*:|@\w|try:")
"""Code on the line of an opening fence; what else stands there is about the block."""
MOST_CLOSINGS = 20
"""How many fences are tried as the end of one block."""


class Block(NamedTuple):
    """One code block: the language it is marked with, in lower case, what it holds, and whether a fence ends it."""

    language: str
    code: str
    closed: bool


def code_blocks(text: str) -> Iterator[Block]:
    """The code blocks of an answer, in order.

    A block that may be Python ends at the first fence up to which it is whole: a fence in a string ends nothing. Any
    other, or one that never is, ends at the first fence with a line of its own, else at the first there is, else with
    the text.
    """
    position, lone = 0, _LoneFences(text)
    while match := OPENING.search(text, position):
        language, start = _beginning(match)
        end, position = _end(text, start, match[1], language in PYTHON, lone)
        yield Block(language, text[start:end], closed=position > end)


def _beginning(opening: re.Match[str]) -> tuple[str, int]:
    """The language of a block, and where its code begins."""
    if STATEMENT.match(opening[2]):
        return "", opening.start(2)
    tag = TAG.match(opening[2])
    language, rest = (tag[1].lower(), tag.end()) if tag else ("", 0)
    if language in PYTHON and STATEMENT.match(opening[2], rest):
        return language, opening.start(2) + rest
    return language, opening.end()


class _LoneFences:
    """Fences with a line of their own, looked for once: where there are none, every block would search to the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._latest: dict[str, tuple[int, int] | None] = {}

    def after(self, start: int, fence: str) -> tuple[int, int] | None:
        """Where the first one from `start` on lies, which is no less than in the call before."""
        latest = self._latest.get(fence, (-1, -1))
        if latest is not None and latest[0] < start:
            match = re.compile(rf"^[ \t]*{re.escape(fence)}[ \t]*$", re.MULTILINE).search(self._text, start)
            latest = self._latest[fence] = match.span() if match else None
        return latest


def _end(text: str, start: int, fence: str, may_be_python: bool, lone: _LoneFences) -> tuple[int, int]:
    """Where a block ends, and where the text after it goes on."""
    marks = re.compile(re.escape(fence))
    places = [match.span() for match in islice(marks.finditer(text, start), MOST_CLOSINGS)]
    if may_be_python:
        for end, after in places:
            if is_python(text[start:end]):
                return end, after
    return lone.after(start, fence) or (places[0] if places else (len(text), len(text)))
