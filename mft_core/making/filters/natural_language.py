"""Texts in another natural language than was asked for: Chinese where it was English, English where it was Chinese.

Judged by letters, and only where a text is wholly or mostly in the other one: names, terms and examples may be in any.
"""

from __future__ import annotations

import re

from mft_core.making.filters.refusals import QUOTED, outside_blocks

CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
ENGLISH = re.compile(r"[A-Za-z]{2,}")
LEAST_WORDS = 5
"""English words, or Chinese characters, that show a language."""
MOST_CHINESE = 0.1
"""Chinese characters by English words in a text that is English all the same."""


def is_foreign(text: str, language: str, least: int = LEAST_WORDS) -> bool:
    """Whether what a text says, its code and quotations left out, is in another language.

    Args:
        text: Markdown.
        language: that was asked for, "en" or "zh"; of others nothing is known.
        least: English words or Chinese characters of the other language that show it.
    """
    prose = QUOTED.sub(" ", "".join(outside_blocks(text)))
    chinese, english = len(CHINESE.findall(prose)), len(ENGLISH.findall(prose))
    if language == "zh":
        return english >= least and chinese < MOST_CHINESE * english
    if language == "en":
        return chinese >= least and chinese > english
    return False
