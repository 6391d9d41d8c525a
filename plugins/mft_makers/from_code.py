"""Problems that the user's own code inspires: the idea of OSS-Instruct."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from mft_core.making.author import Author
from mft_core.making.draft import Draft, Refused, Seed
from mft_makers.answers import plain
from mft_makers.over_code import OverCode, OverCodeOptions
from mft_makers.programming_languages import ProgrammingLanguage, fenced
from mft_makers.prompted import spoken_values

CODE_WORDS = (
    "the snippet", "this snippet", "given snippet", "code snippet", "the code above", "the given code",
    "the shown code", "the code shown", "the provided code",
    "上面的代码", "给定的代码", "这段代码", "代码片段", "所示代码",
)  # fmt: skip
"""What a problem says that speaks of code which nobody sees who gets it."""


class FromCodeOptions(OverCodeOptions):
    """Options of `from-code`."""

    programming_language: ProgrammingLanguage = Field(
        "python", description="of problems and solutions; only Python is run and tested"
    )


class FromCode(OverCode[FromCodeOptions]):
    """A piece of the user's code inspires a problem of its own, which is then solved (Magicoder's OSS-Instruct,
    arXiv 2312.02120, section 2)."""

    name = "from-code"
    has_requests = False

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        """One problem and its solution.

        Raises:
            Refused: "no problem", "speaks of the code", or the model refused.
        """
        language = self.options.programming_language
        asked = self.question("problem", spoken_values(language), code=fenced(seed.text, seed.facts["language"]))
        problem = plain(author.ask("problem", asked))
        if not problem:
            raise Refused("no problem")
        lowered = problem.lower()
        if word := next((word for word in CODE_WORDS if word in lowered), ""):
            raise Refused("speaks of the code", word)
        return [author.solve(one, language=language, topic=seed.topic) for one in author.fresh([problem])]
