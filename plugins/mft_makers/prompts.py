"""The prompts: text files beside this module, in two languages, what all questions of a stage share first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from mft_core.making.author import SYSTEM, USER, Message

FOLDER = "prompts"
BREAK = "\n---\n"
"""Between what all questions of a stage share, which is the system message, and what varies, the user's."""


@cache
def text_of(maker: str, stage: str, language: str) -> str:
    """The file of one stage, or of another list of texts that a maker draws from."""
    path = files("mft_makers") / FOLDER / f"{maker}-{stage}.{language}.md"
    return path.read_text(encoding="utf-8").strip()


def question(
    maker: str, stage: str, language: str, shared: Mapping[str, object], own: Mapping[str, object]
) -> list[Message]:
    """What is asked: a system message that all questions of the stage share, and the user's.

    Args:
        shared: values of the placeholders in the first part, the same for all questions of a making.
        own: values of those in the second part.
    """
    first, _, second = text_of(maker, stage, language).partition(BREAK)
    return [(SYSTEM, first.strip().format_map(shared)), (USER, second.strip().format_map({**shared, **own}))]


def lines_of(maker: str, stage: str, language: str) -> dict[str, str]:
    """The lines "name: text" of a file, by their names."""
    pairs = (line.partition(":") for line in text_of(maker, stage, language).splitlines() if line.strip())
    return {name.strip(): text.strip() for name, _, text in pairs}


def prompts_of(maker: str, language: str) -> dict[str, str]:
    """All texts that the questions of a maker are put together from, by the names of their files."""
    ending = f".{language}.md"
    names = (path.name for path in (files("mft_makers") / FOLDER).iterdir())
    found = sorted(name for name in names if name.startswith(f"{maker}-") and name.endswith(ending))
    return {name: text_of(maker, name.removeprefix(f"{maker}-").removesuffix(ending), language) for name in found}
