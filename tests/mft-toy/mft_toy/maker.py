"""A maker: sums in words, whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from mft_core.interfaces import Author, Draft, Maker, Options, Refused, Seed, SeedRequest
from mft_core.records import Turn

PAIRS = 20
"""Of a round."""


class SumsOptions(Options):
    """Options of `Sums`."""

    largest: int = Field(99, ge=1, description="number that is added")


class Sums(Maker[SumsOptions]):
    """Two numbers, a question about their sum that the model writes, and the sum."""

    questions_per_seed = 1.0

    def seeds(self, request: SeedRequest) -> Iterator[Seed]:
        """Some pairs in every round."""
        random = request.random()
        for number in range(PAIRS):
            one, other = (random.randint(0, self.options.largest) for _ in range(2))
            yield Seed(f"{request.round}/{number}", f"{one} + {other}", "sums", {"sum": one + other})

    def make(self, seed: Seed, author: Author) -> Iterator[Draft]:
        """One record.

        Raises:
            Refused: "a number is missing".
        """
        question = author.ask("question", [("system", "Put the sum into one question."), ("user", seed.text)])
        if any(number not in question for number in seed.text.split(" + ")):
            raise Refused("a number is missing", question)
        yield Draft((Turn("user", question), Turn("assistant", str(seed.facts["sum"]))))
