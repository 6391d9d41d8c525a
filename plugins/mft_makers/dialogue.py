"""Conversations of two agents, a teacher and a student, about one small topic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import Field, model_validator
from typing_extensions import Self

from mft_core.making.author import ASSISTANT, USER, Author, Message
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.making.maker import SeedRequest
from mft_core.records import Turn
from mft_core.support.thoughts import without_thought
from mft_makers.prompted import PromptedMaker, spoken_values
from mft_makers.topics import Topic, TopicsOptions, read_topics
from mft_makers.turn_faults import STUDENT, TEACHER, fault, without_label


class DialogueOptions(TopicsOptions):
    """Options of `dialogue`."""

    rounds: int = Field(6, ge=1, description="how often each topic is talked about, by another student every time")
    least_turns: int = Field(2, ge=1, description="questions with their answers that make a record")
    most_turns: int = Field(6, ge=1, description="questions with their answers, after which a conversation ends")
    most_characters: int = Field(20_000, ge=100, description="of a conversation; one that is longer asks no more")
    stop: str = Field("<END>", min_length=1, description="what the student says when nothing is left to ask")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.least_turns > self.most_turns:
            raise ValueError(f"least_turns = {self.least_turns} is more than most_turns = {self.most_turns}")
        return self


@dataclass
class _Talk:
    """A conversation as far as it has come: whole turns, a question and its answer each."""

    pairs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def length(self) -> int:
        return sum(len(question) + len(answer) for question, answer in self.pairs)

    def last(self) -> tuple[str, str]:
        return self.pairs[-1] if self.pairs else ("", "")


class _EndedError(Exception):
    """The student has nothing left to ask."""


class Dialogue(PromptedMaker[DialogueOptions]):
    """Teacher and student, each with a role of its own and the other's words as its user's, talk about one topic until
    the student says the stop word, a limit is reached, or an answer is cut off (CAMEL, arXiv 2303.17760; the two agents
    of MFTCoder, arXiv 2311.02303, section 2.2).

    A turn in which one of them changes roles, speaks for both, says nothing or repeats ends the conversation before it;
    where too little is whole by then, nothing comes of it. The record has the student as the user.
    """

    name = "dialogue"

    def __init__(self, options: DialogueOptions | None = None) -> None:
        super().__init__(options)
        self.questions_per_seed = 2.0 * self.options.most_turns
        self._topics: Sequence[Topic] = ()

    def seeds(self, request: SeedRequest) -> Iterator[Seed]:
        """Every topic once, in an order of the round."""
        if request.round >= self.options.rounds:
            return
        self._topics = read_topics(self.options, request.readers)
        personas = len(self.lines("personas"))
        for place in request.random().sample(range(len(self._topics)), len(self._topics)):
            topic = self._topics[place]
            facts = {"persona": (place + request.round) % personas, "sample": request.round // personas}
            yield Seed(f"{request.round}/{topic.text}", topic.text, topic.group, facts)

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        """One conversation.

        Raises:
            Refused: fewer than `least_turns` are whole when it ends; with the reason why it ended.
        """
        talk, ending = _Talk(), Refused("too few turns")
        try:
            while len(talk.pairs) < self.options.most_turns and talk.length < self.options.most_characters:
                question, last = self._student(seed, author, talk)
                talk.pairs.append((question, self._teacher(seed, author, talk, question)))
                if last:
                    break
        except _EndedError:
            pass
        except Refused as reason:
            ending = reason
            self.tally.add(f"end of a conversation: {reason.reason}")
        if len(talk.pairs) < self.options.least_turns:
            raise ending
        sides = ((Turn(USER, question), Turn(ASSISTANT, answer)) for question, answer in talk.pairs)
        return [Draft(tuple(turn for side in sides for turn in side), topic=seed.topic)]

    def own_seeds(self) -> Sequence[str]:
        """The topics that were talked about."""
        return [topic.text for topic in self._topics]

    def _student(self, seed: Seed, author: Author, talk: _Talk) -> tuple[str, bool]:
        """The next question, and whether it is the last."""
        persona = list(self.lines("personas").values())[seed.facts["persona"]]
        shared = {**spoken_values(self.options.programming_language), "stop": self.options.stop}
        messages = self.question(STUDENT, shared, topic=seed.text, persona=persona)
        for question, answer in talk.pairs:
            messages += [(ASSISTANT, question), (USER, answer)]
        said = self._said(STUDENT, author, messages, seed)
        text, stop, _ = said.partition(self.options.stop)
        if stop and "?" not in text and "？" not in text:
            raise _EndedError
        question, answer = talk.last()
        return self._whole(STUDENT, text, answer, question), bool(stop)

    def _teacher(self, seed: Seed, author: Author, talk: _Talk, question: str) -> str:
        """What the teacher answers."""
        asked = [*(pair[0] for pair in talk.pairs), question]
        messages = self.question(
            TEACHER, spoken_values(self.options.programming_language), topic=seed.text, said=asked[0]
        )
        for (_, answer), following in zip(talk.pairs, asked[1:], strict=True):
            messages += [(ASSISTANT, answer), (USER, following)]
        said = self._said(TEACHER, author, messages, seed).replace(self.options.stop, "")
        return self._whole(TEACHER, said, question, talk.last()[1])

    def _said(self, speaker: str, author: Author, messages: list[Message], seed: Seed) -> str:
        return without_thought(author.ask(speaker, messages, sample=seed.facts["sample"]))

    def _whole(self, speaker: str, said: str, before: str, own_before: str) -> str:
        """A turn without the speaker's name, if nothing is wrong with it."""
        text = without_label(said, speaker)
        if reason := fault(text, speaker, before, own_before):
            raise Refused(reason, text[:80])
        return text
