"""The user's code in another programming language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pydantic import Field

from mft_core.errors import UsageError
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Refused, Seed
from mft_makers.answers import code_in
from mft_makers.code_files import Snippet
from mft_makers.over_code import OverCode, OverCodeOptions
from mft_makers.programming_languages import ProgrammingLanguage, fenced, spoken, without_comments


class TranslateOptions(OverCodeOptions):
    """Options of `translate`."""

    to: ProgrammingLanguage = Field("python", description="the language to translate to; only Python is run and tested")


class Translate(OverCode[TranslateOptions]):
    """A piece of code and the same in another language; of a Python function, what it needs of its file is translated
    with it. Where the target is Python, it is checked like any solution, with tests if the filters ask for them.
    """

    name = "translate"
    questions_per_seed = 1.0

    def __init__(self, options: TranslateOptions | None = None) -> None:
        super().__init__(options)
        if {*self.options.code_languages} == {self.options.to}:
            raise UsageError(
                f"method.to: the code that is wanted is in {spoken(self.options.to)} already.",
                "Name another language, or further ones in method.code_languages.",
            )

    def unusable(self, snippet: Snippet) -> str:
        """Code of the target's language, and Python that cannot stand alone."""
        if snippet.language == self.options.to:
            return f"{spoken(self.options.to)} already"
        return "it does not stand alone" if snippet.language == "python" and not snippet.alone else ""

    def shown(self, snippet: Snippet) -> str:
        """With what it needs."""
        return snippet.whole

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        """One record.

        Raises:
            Refused: "not translated", or the model refused.
        """
        source, target = seed.facts["language"], self.options.to
        request = self.lines("requests")[seed.facts["request"]].format(source=spoken(source), target=spoken(target))
        instruction = f"{request}\n\n{fenced(seed.text, source)}"
        draft = author.solve(instruction, language=target, topic=f"{source} to {target}")
        if without_comments(code_in(draft.answer), source) == without_comments(seed.text, source):
            raise Refused("not translated", "the answer is the code that was given")
        return [replace(draft, worded=False)]
