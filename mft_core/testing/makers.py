"""What every maker must do: lazy seeds with keys of their own, questions that follow from them, whole records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Sized
from itertools import islice
from typing import ClassVar

import pytest

from mft_core.data.line_parsing import parse_line
from mft_core.data.record_forms import parse_record
from mft_core.making.author import ASSISTANT, SYSTEM, USER, Author
from mft_core.making.draft import Code, Draft, Refused, Seed
from mft_core.making.maker import Maker, SeedRequest
from mft_core.testing.components import ComponentTests
from mft_core.testing.scripted_author import SOLUTION, Answer, Question, ScriptedAuthor

SEEDS = 12
"""Of a round, that are looked at."""
ROUNDS = 3
ODD_ANSWERS = ("", " \n", "1.", "1. \n2. \n", "```", "```python\n```", "</think>", "{", "\ufeff?", "word " * 3000)
"""What models say instead of what they were asked for."""


class MakerTests(ComponentTests):
    """Inherit, set `component`, and `script` where the maker makes nothing of a numbered list of instructions.

    Attributes:
        script: answers by the stage that asks, for a `ScriptedAuthor`.
    """

    component: ClassVar[type[Maker]]
    script: ClassVar[Mapping[str, Answer]] = {}

    def seeds(self, maker: Maker, turn: int = 0, kept: Sequence[Draft] = ()) -> list[Seed]:
        """The first ones of a round."""
        return list(islice(maker.seeds(SeedRequest(round=turn, kept=kept, seed=7)), SEEDS))

    def author(self) -> ScriptedAuthor:
        """A new one, with `script`."""
        return ScriptedAuthor(self.script)

    def test_seeds_are_yielded_one_by_one(self) -> None:
        found = self.build().seeds(SeedRequest())
        assert not isinstance(found, Sized), "it holds all of them at once: `yield` them"
        assert next(iter(found), None) is not None, "there is no seed in the first round"

    def test_every_seed_has_a_key_of_its_own(self) -> None:
        maker = self.build()
        kept = made(maker, self.seeds(maker)[:1], self.author())
        seeds = [seed for turn in range(ROUNDS) for seed in self.seeds(maker, turn, kept if turn else ())]
        assert all(seed.text for seed in seeds), "a seed without a text says nothing"
        keys = [seed.key for seed in seeds]
        assert len(set(keys)) == len(keys), "two seeds of one making have the same key"

    def test_a_second_call_gives_the_same_seeds(self) -> None:
        maker = self.build()
        for turn in range(ROUNDS):
            first = self.seeds(maker, turn)
            assert self.seeds(maker, turn) == first
            assert self.seeds(self.build(), turn) == first

    def test_something_is_made(self) -> None:
        maker = self.build()
        assert made(maker, self.seeds(maker), self.author()), "nothing of all seeds: set `script`"

    def test_what_is_asked_follows_from_the_seed_and_from_the_answers_alone(self) -> None:
        """A making that was killed asks again, in another order, and finds every answer in its journal."""
        maker = self.build()
        seeds = self.seeds(maker)
        expected = [self._asked_and_made(maker, seed) for seed in seeds]
        others = self.build()
        list(others.seeds(SeedRequest(round=1, seed=8)))  # what another making asks for changes nothing
        assert [self._asked_and_made(others, seed) for seed in reversed(seeds)] == expected[::-1]

    def test_questions_end_with_the_user_and_begin_with_what_they_share(self) -> None:
        """A server computes what all questions of a stage begin with once."""
        maker, author = self.build(), self.author()
        made(maker, self.seeds(maker), author)
        first: dict[str, object] = {}
        for question in author.asked:
            roles = [role for role, _ in question.messages]
            spoken = roles[1:] if roles[0] == SYSTEM else roles
            assert spoken == [USER, ASSISTANT] * (len(spoken) // 2) + [USER], f"{question.stage}: {roles}"
            assert all(content.strip() for _, content in question.messages), f"{question.stage}: an empty message"
            if len(roles) > 1 and question.stage != SOLUTION:
                assert first.setdefault(question.stage, question.messages[0]) == question.messages[0], question.stage

    def test_drafts_are_whole_records(self) -> None:
        maker = self.build()
        for draft in made(maker, self.seeds(maker), self.author()):
            check_draft(draft)

    def test_a_model_that_refuses_everything_is_refused(self) -> None:
        maker, refused = self.build(), Refused("cut off")
        seeds = self.seeds(maker)
        author = Everything(refused)
        for seed in seeds:
            with pytest.raises(Refused):
                list(maker.make(seed, author))

    @pytest.mark.parametrize("answer", ODD_ANSWERS, ids=lambda text: repr(text[:12]))
    def test_odd_answers_make_whole_records_or_none(self, answer: str) -> None:
        maker = self.build()
        for draft in made(maker, self.seeds(maker), Everything(answer)):
            check_draft(draft)

    def test_prompts_and_what_was_passed_over_are_for_the_report(self) -> None:
        maker = self.build()
        made(maker, self.seeds(maker), self.author())
        assert all(isinstance(name, str) and text.strip() for name, text in maker.prompts().items())
        assert all(isinstance(reason, str) and count > 0 for reason, count in maker.passed_over().items())
        assert all(text.strip() for text in maker.own_seeds())
        assert maker.questions_per_seed > 0
        assert maker.records_per_seed > 0

    def _asked_and_made(self, maker: Maker, seed: Seed) -> tuple[list[Question], list[Draft]]:
        author = self.author()
        drafts = made(maker, [seed], author)
        return author.asked, drafts


class Everything(ScriptedAuthor):
    """An author that says the same to all questions; solutions it writes, unless it refuses everything."""

    def __init__(self, answer: str | Refused) -> None:
        super().__init__()
        self._same = answer

    def _answer(self, question: Question, otherwise: object) -> str:
        if isinstance(self._same, Refused):
            raise self._same
        return "def solution(x):\n    return x" if question.stage == SOLUTION else self._same


def made(maker: Maker, seeds: Iterable[Seed], author: Author) -> list[Draft]:
    """What is made of some seeds; nothing of those that are refused."""
    drafts: list[Draft] = []
    reasons: list[str] = []
    for seed in seeds:
        try:
            drafts += maker.make(seed, author)
        except Refused as refused:
            reasons.append(refused.reason)
    assert all(reason.strip() for reason in reasons), "a refusal has a reason that it is counted by"
    return drafts


def check_draft(draft: Draft) -> None:
    """A record that `mft run` takes, and code that filters can look at."""
    roles = [turn.role for turn in draft.turns]
    spoken = roles[1:] if roles[0] == SYSTEM else roles
    assert spoken == [USER, ASSISTANT] * (len(spoken) // 2), roles
    assert spoken, "there are no turns"
    turns = [{"role": turn.role, "content": turn.content} for turn in draft.turns]
    parse_record(parse_line(json.dumps({"messages": turns}).encode()), "draft")  # RecordError where it is none
    assert isinstance(draft.topic, str)
    assert draft.code is None or isinstance(draft.code, Code)
    if draft.code is not None:
        assert draft.code.source.strip(), "its code is empty"
        assert draft.code.language == draft.code.language.lower(), "languages are in lower case"
