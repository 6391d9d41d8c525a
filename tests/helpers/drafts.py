"""Drafts as makers give them, and an author that answers from a script."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.making.author import Author, Message
from mft_core.making.draft import Code, Draft, Refused
from mft_core.making.filters.filter import Filter, OrderedFilter
from mft_core.records import Turn


def draft(instruction: str, answer: str, code: Code | None = None) -> Draft:
    """One question and its answer."""
    return Draft((Turn("user", instruction), Turn("assistant", answer)), code)


def solved(source: str, instruction: str = "Solve it.", *, language: str = "python", **fields: str) -> Draft:
    """A question whose answer is a code block; `fields` are those of `Code`."""
    return draft(instruction, f"```{language}\n{source}\n```", Code(source, language, **fields))  # type: ignore[arg-type]


class ScriptedAuthor(Author):
    """Answers every question with the next line of a script, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, list[Message], float | None]] = []

    def ask(
        self,
        stage: str,
        messages: Sequence[Message],
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        sample: int = 0,
    ) -> str:
        self.asked.append((stage, list(messages), temperature))
        return self.answers.pop(0)

    def fresh(self, instructions: Sequence[str]) -> list[str]:
        raise AssertionError("no filter has instructions")

    def solve(self, instruction: str, *, language: str = "python", topic: str = "", sample: int = 0) -> Draft:
        raise AssertionError("no filter asks for a solution")


def reason(filter_: Filter | OrderedFilter, one: Draft, author: Author | None = None) -> str:
    """Why a filter refuses a draft; "" where it lets it pass."""
    try:
        if isinstance(filter_, OrderedFilter):
            filter_.check(one)
        else:
            filter_.check(one, author or ScriptedAuthor())
    except Refused as refused:
        return refused.reason
    return ""
