"""Templates that show an answer otherwise than they ask for it: the conversation as the model sees it and goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mft_core.records import Turn
from mft_core.support.thoughts import NAMES, split_thought
from mft_tokenization.messages import bare_said, bare_thought

Render = Callable[[Sequence[Turn], bool], str]
"""Turns and `add_generation_prompt` to text."""

OPENED = re.compile(rf"<({'|'.join(NAMES)})>\s*\Z")


class Asking(NamedTuple):
    """How the last answer of a conversation is asked for by a template that shows something else before it.

    Attributes:
        header: what the template shows right before what the model is to write, where it shows the answer.
        opened: name of the marks of a thought that the generation prompt opens, and of which the template shows
            nothing with the answer, as DeepSeek-R1's; "": there is none.
        white: white space that the prompt has behind the header. What the template shows there of it, which may be less
            of it, is not the model's to write once more.
    """

    header: str
    opened: str = ""
    white: str = ""

    def render(self, turns: Sequence[Turn], calm: Turn, render: Render) -> str:
        """The prompt that asks for the last answer, and what the template shows of that behind its header.

        Args:
            turns: the conversation.
            calm: its last turn with placeholders for contents, which do not look like a header.
            render: the template.
        """
        before, answer = turns[:-1], turns[-1]
        start = self._start(render([*before, calm], False), calm)
        thought = ""
        if self.opened:
            parts = split_thought(answer.content)
            if parts is not None and parts.name == self.opened:
                thought, answer = bare_thought(parts.thought), answer._replace(content=bare_said(parts.said))
            thought = f"{thought}\n</{self.opened}>\n\n"
        return render(before, True) + thought + render([*before, answer], False)[start:]

    def _start(self, shown: str, calm: Turn) -> int:
        marks = [shown.rfind(mark) for mark in re.findall("\ue0fe[0-9]+t?\ue0ff", calm.content)]
        end = min((place for place in marks if place >= 0), default=len(shown))
        start = max(shown.rfind(self.header, 0, end), 0) + len(self.header)
        return start + _common(shown[start:end], self.white)


def find_asking(turns: Sequence[Turn], render: Render) -> Asking | None:
    """How the template asks for the last answer, where it does not show the answer behind the prompt that asks for it.

    Args:
        turns: a conversation that ends with an answer, with placeholders for contents.
        render: the template.
    """
    shown, prompt, bare = render(turns, False), render(turns[:-1], True), render(turns[:-1], False)
    header = prompt.removeprefix(bare)
    if shown.startswith(prompt) or not header or not prompt.startswith(bare):
        return None
    opened = OPENED.search(header)
    without = header[: opened.start()] if opened else ""
    bared = header.rstrip()
    tried = [Asking(header), Asking(bared, white=header[len(bared) :]), Asking(without, opened[1] if opened else "")]
    return next((asking for asking in tried if asking.header and asking.header in shown[_common(shown, bare) :]), None)


def _common(text: str, other: str) -> int:
    """Length of what two texts begin with alike."""
    return next(
        (place for place, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other))
    )
