"""What the bundled makers have in common: prompts in two languages, and solutions asked for one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import TypeVar

from mft_core.errors import UsageError
from mft_core.making.author import Author, Message
from mft_core.making.draft import Draft, Refused
from mft_core.making.maker import Maker
from mft_core.registry.options import Options
from mft_makers.programming_languages import ProgrammingLanguage, spoken
from mft_makers.prompts import lines_of, prompts_of, question
from mft_makers.tally import Tally


class PromptedOptions(Options):
    """Options of every bundled maker."""

    language: Literal["en", "zh"] = Field("en", description="of prompts and records: English or Chinese")


SomePromptedOptions = TypeVar("SomePromptedOptions", bound=PromptedOptions, default=PromptedOptions, covariant=True)


class SolvedOptions(PromptedOptions):
    """Options of makers whose records are instructions with solutions in code."""

    programming_language: ProgrammingLanguage = Field(
        "python", description="of the solutions; only Python is run and tested"
    )


class PromptedMaker(Maker[SomePromptedOptions]):
    """A maker whose prompts lie in the folder `prompts`.

    Attributes:
        name: which its files begin with.
    """

    name: ClassVar[str]

    def __init__(self, options: SomePromptedOptions | None = None) -> None:
        super().__init__(options)
        self.tally = Tally()
        self.language = self.options.language

    def prompts(self) -> Mapping[str, str]:
        """Its files in the language that is asked in."""
        return prompts_of(self.name, self.options.language)

    def passed_over(self) -> Mapping[str, int]:
        """By reason."""
        return self.tally.counts()

    def question(self, stage: str, shared: Mapping[str, object], **own: object) -> list[Message]:
        """What is asked at a stage; see `mft_makers.prompts.question`."""
        return question(self.name, stage, self.options.language, shared, own)

    def lines(self, stage: str) -> dict[str, str]:
        """The lines of a list of texts, by their names."""
        return lines_of(self.name, stage, self.options.language)

    def require(self, option: str, what: str) -> str:
        """The value of an option that has no sensible default.

        Args:
            option: its name.
            what: it says, for the message.

        Raises:
            UsageError: it is not given.
        """
        value = str(getattr(self.options, option))
        if not value:
            raise UsageError(
                f"The method {self.name} needs {what}: method.{option} is not given.",
                f'In the recipe: [method] name = "{self.name}", {option} = "PATH"; or --set method.{option}=PATH.',
            )
        return value

    def solved(
        self,
        author: Author,
        instructions: Sequence[str],
        language: str,
        topic: str = "",
        sample: int = 0,
        *,
        worded: bool = True,
    ) -> list[Draft]:
        """A record of every new instruction that the model solves; what it does not is counted.

        Args:
            author: the model.
            instructions: of one seed, all of them.
            language: of the solutions.
            topic, sample: as `Author.solve` has them.
            worded: a model worded them: those that are like earlier ones are left out.

        Raises:
            Refused: there is no instruction, or it solves none; with the last one's reason.
        """
        if not instructions:
            raise Refused("no instruction")
        fresh = author.fresh(instructions) if worded else instructions
        drafts: list[Draft] = []
        refused: Refused | None = None
        for instruction in fresh:
            try:
                draft = author.solve(instruction, language=language, topic=topic, sample=sample)
                drafts.append(replace(draft, worded=worded))
            except Refused as reason:
                refused = reason
                self.tally.add(f"solution: {reason.reason}")
        if refused is not None and not drafts:
            raise refused
        return drafts


def spoken_values(programming_language: str) -> dict[str, object]:
    """The placeholder of a programming language in prompts."""
    return {"programming_language": spoken(programming_language)}
