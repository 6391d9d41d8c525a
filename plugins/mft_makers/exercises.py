"""Knowledge points to exercises with solutions: the single-turn scheme of the paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from pydantic import Field

from mft_core.errors import UsageError
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.making.maker import SeedRequest
from mft_makers.answers import numbered, plain
from mft_makers.prompted import PromptedMaker, spoken_values
from mft_makers.topics import Topic, TopicsOptions, read_topics


class ExercisesOptions(TopicsOptions):
    """Options of `exercises`."""

    per_point: int = Field(1, ge=1, le=20, description="exercises that are asked for at once, on one point")
    wording: Literal["refined", "written", "fixed"] = Field(
        "refined",
        description="of an exercise. refined: the model describes a task, then words it; written: it words the point; "
        "fixed: one sentence with the point, for models too small for either",
    )


class Exercises(PromptedMaker[ExercisesOptions]):
    """A knowledge point goes into a fixed task prompt, which the model refines; of what it then describes it writes
    exercises, and solves each (MFTCoder, arXiv 2311.02303, section 2.2 and figure 3, the single-turn part).

    A further round goes through the points again, each with another kind of exercise.
    """

    name = "exercises"

    def __init__(self, options: ExercisesOptions | None = None) -> None:
        super().__init__(options)
        if self.options.wording == "fixed" and self.options.per_point > 1:
            raise UsageError('method.per_point: with wording = "fixed" a point has one exercise.', "Leave it out.")
        first = ("fixed", "written", "refined").index(self.options.wording)
        self.questions_per_seed = float(first + self.options.per_point)
        self.records_per_seed = float(self.options.per_point)
        self._topics: Sequence[Topic] = ()

    def seeds(self, request: SeedRequest) -> Iterator[Seed]:
        """Every point once, in an order of the round."""
        if request.round >= self.options.rounds:
            return
        self._topics = read_topics(self.options, request.readers)
        kinds = len(self.lines("kinds"))
        places = request.random().sample(range(len(self._topics)), len(self._topics))
        for place in places:
            topic = self._topics[place]
            # Neighbours in the list begin with different kinds, so that one round has all of them.
            facts = {"kind": (place + request.round) % kinds, "sample": request.round // kinds}
            yield Seed(f"{request.round}/{topic.text}", topic.text, topic.group, facts)

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        """The exercises of one point that the model solves.

        Raises:
            Refused: "no task", "no instruction", or the model refused.
        """
        sample = seed.facts["sample"]
        instructions = self._worded(seed, author, sample)
        language, worded = self.options.programming_language, self.options.wording != "fixed"
        return self.solved(author, instructions, language, seed.topic, sample, worded=worded)

    def own_seeds(self) -> Sequence[str]:
        """The points that were gone through."""
        return [topic.text for topic in self._topics]

    def _worded(self, seed: Seed, author: Author, sample: int) -> list[str]:
        """The exercises on one point."""
        shared = spoken_values(self.options.programming_language)
        kind = list(self.lines("kinds").values())[seed.facts["kind"]]
        if self.options.wording == "fixed":
            return [self.lines("fixed")["exercise"].format(point=seed.text, **shared)]
        task = f"{seed.text} ({kind})"
        if self.options.wording == "refined":
            refinement = self.question("refinement", shared, point=seed.text, kind=kind)
            task = plain(author.ask("refinement", refinement, sample=sample))
        if not task:
            raise Refused("no task")
        asked = self.question("instruction", shared, task=task, count=self.options.per_point)
        return numbered(author.ask("instruction", asked, sample=sample))[: self.options.per_point]
