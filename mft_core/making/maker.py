"""A way to make instruction data: what a maker's plugin implements."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mft_core.data.readers import Readers, installed_readers
from mft_core.errors import MftError
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Seed
from mft_core.registry.options import Configurable, SomeOptions


@dataclass(frozen=True, slots=True)
class SeedRequest:
    """What a maker may use to find its seeds.

    How many records are wanted is no part of it: seeds are taken until there are enough, and a larger number goes on
    from what a smaller one made.

    Attributes:
        round: 0 at first; seeds are asked for again, with the next number, while those of a round were too few.
        kept: the records of the rounds before, in their order.
        seed: of everything that is drawn at random.
        readers: of files with records.
    """

    round: int = 0
    kept: Sequence[Draft] = ()
    seed: int = 0
    readers: Readers = field(default_factory=installed_readers)

    def random(self) -> random.Random:
        """What to draw with in this round; the same in every call of the same recipe."""
        return random.Random(f"{self.seed}/{self.round}")


class Maker(Configurable[SomeOptions]):
    """Makes records out of seeds, by asking a model.

    What is asked must follow from the seed and from earlier answers alone: then a making that was killed goes on
    without asking anything twice, and its result is the same. Journal, budget, retries, filters and output are the
    core's.

    Attributes:
        questions_per_seed: roughly, as the options say; for the estimate of what a making costs.
        records_per_seed: roughly, likewise.
        language: the natural one of records, "en" or "zh": others are not kept; "": any.
    """

    questions_per_seed: float = 2.0
    records_per_seed: float = 1.0
    language: str = ""

    @abstractmethod
    def seeds(self, request: SeedRequest) -> Iterable[Seed]:
        """What records are made of in this round, in order, lazily; none: there is nothing (more) to make them of.

        Raises:
            UsageError: an option is missing.
            MftError: a file cannot be read.
        """

    @abstractmethod
    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        """Records made of one seed. Called in any thread.

        Raises:
            Refused: nothing comes of it; it is counted under the reason.
        """

    def own_seeds(self) -> Sequence[str]:
        """Texts that what was made is compared with in the report: is it more diverse than what it was made of?"""
        return ()

    def prompts(self) -> Mapping[str, str]:
        """The texts that its questions are put together from, by name: their hashes stand beside what was made."""
        return {}

    def passed_over(self) -> Mapping[str, int]:
        """What it left out so far without a word to anybody, by reason: files, records, answers. For the report."""
        return {}


def seeds_of(maker: Maker, request: SeedRequest) -> Iterator[Seed]:
    """A maker's seeds of a round.

    Raises:
        MftError: it raises, or yields something else.
    """
    try:
        for seed in maker.seeds(request):
            if not isinstance(seed, Seed) or not all(isinstance(one, str) for one in (seed.key, seed.text)):
                raise TypeError(f"it yields {seed!r:.80}, no Seed with a key and a text")
            yield seed
    except (MftError, GeneratorExit):
        raise
    except (Exception, SystemExit) as error:
        raise MftError(
            f"the maker's seeds: {type(error).__name__} {error}", "Mend it, then rerun: what was answered is kept."
        ) from error
