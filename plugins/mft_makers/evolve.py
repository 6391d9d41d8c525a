"""Existing instructions made harder, broader, bound by constraints: Evol-Instruct."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from pydantic import Field

from mft_core.making.author import Author
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.making.maker import SeedRequest
from mft_core.registry.options import PathText
from mft_makers.answers import folded, plain
from mft_makers.prompted import PromptedMaker, SolvedOptions, spoken_values
from mft_makers.records import instructions
from mft_makers.tally import Tally

Way = Literal["harder", "broader", "constraints", "debugging", "complexity"]
PROMPT_WORDS = (
    "#rewritten prompt#", "#given prompt#", "rewritten prompt", "given prompt", "<task>", "</task>", "rewritten task",
    "the changed task", "the original task", "改写后的任务", "原来的任务", "原任务",
)  # fmt: skip
"""What an answer says that speaks of the prompt; the first ones are those of the paper (section 3.1, elimination)."""
MOST_REMEMBERED = 1000
"""Instructions that are kept for the report."""


class EvolveOptions(SolvedOptions):
    """Options of `evolve`."""

    records: PathText = Field("", description="what is evolved: a file, glob or folder of records; must be given")
    ways: list[Way] = Field(
        ["harder", "broader", "constraints", "debugging", "complexity"],
        min_length=1,
        description="in which an instruction may change",
    )
    steps: int = Field(1, ge=1, le=10, description="one after another, each of which makes a record")
    most_characters: int = Field(4000, ge=1, description="of an instruction that is evolved")


class Evolve(PromptedMaker[EvolveOptions]):
    """An instruction is changed in one way, solved, changed again, and so on for `steps`; an evolution that is its
    parent or speaks of the prompt ends the chain (WizardLM's Evol-Instruct for code, WizardCoder, arXiv 2306.08568).

    A further round begins each chain in another way, until each has begun one.
    """

    name = "evolve"

    def __init__(self, options: EvolveOptions | None = None) -> None:
        super().__init__(options)
        self.questions_per_seed = 2.0 * self.options.steps
        self.records_per_seed = float(self.options.steps)
        self._remembered: list[str] = []

    def seeds(self, request: SeedRequest) -> Iterator[Seed]:
        """Every instruction once, in the order of the files."""
        ways = self.options.ways
        records = self.require("records", "records to evolve")
        if request.round >= len(ways):
            return
        self._remembered = []
        random = request.random()
        tally = self.tally if request.round == 0 else Tally()  # what is left out counts once
        # A chain's first way moves on with the round; the others are drawn.
        for number, text in enumerate(instructions(records, request.readers, tally)):
            drawn = [ways[(number + request.round) % len(ways)]]
            drawn += random.choices(ways, k=self.options.steps - 1)
            if len(text) > self.options.most_characters:
                tally.add(f"record: an instruction of more than {self.options.most_characters} characters")
                continue
            if len(self._remembered) < MOST_REMEMBERED:
                self._remembered.append(text)
            yield Seed(f"{request.round}/{number}", text, facts={"ways": drawn})

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        """The records of one chain, as far as it goes.

        Raises:
            Refused: "evolved into its parent", "speaks of the prompt" or "no instruction" of the first step, or the
                model refused.
        """
        drafts: list[Draft] = []
        task = seed.text
        try:
            for way in seed.facts["ways"]:
                task = self._evolved(task, way, author)
                drafts += self.solved(author, [task], self.options.programming_language, topic=way)
        except Refused as reason:
            if not drafts:
                raise
            self.tally.add(f"end of a chain: {reason.reason}")
        return drafts

    def own_seeds(self) -> Sequence[str]:
        """What was evolved, or the beginning of it."""
        return self._remembered

    def _evolved(self, task: str, way: str, author: Author) -> str:
        shared = spoken_values(self.options.programming_language)
        asked = self.question("evolution", shared, task=task, way=self.lines("ways")[way])
        found = plain(author.ask("evolution", asked))
        if not found:
            raise Refused("no instruction")
        if folded(found) == folded(task):
            raise Refused("evolved into its parent")
        lowered = found.lower()
        if any(word in lowered for word in PROMPT_WORDS):
            raise Refused("speaks of the prompt", found[:80])
        return found
