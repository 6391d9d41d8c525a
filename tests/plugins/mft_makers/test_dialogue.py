from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from mft_core.making.author import ASSISTANT, SYSTEM, USER, Message
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.making.maker import SeedRequest
from mft_core.testing import ScriptedAuthor
from mft_core.testing.scripted_author import Answer
from mft_makers.dialogue import Dialogue


def dialogue(tmp_path: Path, **options: object) -> Dialogue:
    (path := tmp_path / "points.txt").write_text("slices\n", encoding="utf-8")
    return Dialogue.from_options({"topics": str(path), **options})


def said(*turns: str | Refused) -> Answer:
    """A side of a conversation: its n-th turn is the n-th text."""

    def answer(messages: Sequence[Message], sample: int) -> str | Refused:
        return turns[sum(role == ASSISTANT for role, _ in messages)]

    return answer


def talk(maker: Dialogue, student: Answer, teacher: Answer) -> tuple[Draft, ScriptedAuthor]:
    author = ScriptedAuthor({"student": student, "teacher": teacher})
    (draft,) = maker.make(the_seed(maker), author)
    return draft, author


def the_seed(maker: Dialogue) -> Seed:
    return next(iter(maker.seeds(SeedRequest())))


def contents(draft: Draft) -> list[str]:
    return [turn.content for turn in draft.turns]


def test_each_side_has_its_own_role_and_the_others_words_as_its_users(tmp_path: Path) -> None:
    draft, author = talk(dialogue(tmp_path), said("q1?", "q2?", "<END>"), said("a1", "a2"))
    assert contents(draft) == ["q1?", "a1", "q2?", "a2"]
    assert [turn.role for turn in draft.turns] == [USER, ASSISTANT] * 2
    assert draft.topic == "slices"
    assert author.stages() == ["student", "teacher", "student", "teacher", "student"]
    student, teacher = author.asked[4].messages, author.asked[3].messages
    assert [role for role, _ in student] == [SYSTEM, USER, ASSISTANT, USER, ASSISTANT, USER]
    assert [content for _, content in student[2:]] == ["q1?", "a1", "q2?", "a2"]
    assert [role for role, _ in teacher] == [SYSTEM, USER, ASSISTANT, USER]
    assert teacher[1][1] == "The topic of today: slices\n\nq1?"
    assert [content for _, content in teacher[2:]] == ["a1", "q2?"]
    assert "You are the student" in student[0][1]
    assert "You are the teacher" in teacher[0][1]


def test_it_ends_at_the_limit_of_turns(tmp_path: Path) -> None:
    draft, author = talk(dialogue(tmp_path, most_turns=2), said("q1?", "q2?", "q3?"), said("a1", "a2", "a3"))
    assert contents(draft) == ["q1?", "a1", "q2?", "a2"]
    assert len(author.asked) == 4


def test_it_ends_at_the_limit_of_characters(tmp_path: Path) -> None:
    maker = dialogue(tmp_path, most_characters=100)
    draft, _ = talk(maker, said("q1?", "q2?", "q3?"), said("a1", "b" * 100, "a3"))
    assert contents(draft) == ["q1?", "a1", "q2?", "b" * 100]


def test_a_last_question_beside_the_stop_word_is_answered(tmp_path: Path) -> None:
    draft, author = talk(dialogue(tmp_path), said("q1?", "And tuples? <END>"), said("a1", "a2 <END>"))
    assert contents(draft) == ["q1?", "a1", "And tuples?", "a2"]
    assert len(author.asked) == 4
    thanked, _ = talk(dialogue(tmp_path), said("q1?", "q2?", "Thanks! <END>"), said("a1", "a2"))
    assert contents(thanked)[-1] == "a2"


@pytest.mark.parametrize(
    ("student", "teacher", "reason"),
    [
        (("q1?", "q2?", "As your teacher, I say more."), ("a1", "a2"), "the student changes role"),
        (("q1?", "q2?", "q3?"), ("a1", "a2", "As a student, I ask."), "the teacher changes role"),
        (("q1?", "q2?", "q3?"), ("a1", "a2", Refused("cut off")), "cut off"),
        (("q1?", "q2?", "q2"), ("a1", "a2"), "the student repeats"),
        (("q1?", "q2?", "q3?"), ("a1", "a2", ""), "the teacher says nothing"),
    ],
)
def test_it_ends_before_what_went_wrong(
    tmp_path: Path, student: Sequence[str], teacher: Sequence[str | Refused], reason: str
) -> None:
    maker = dialogue(tmp_path)
    draft, _ = talk(maker, said(*student), said(*teacher))
    assert contents(draft) == ["q1?", "a1", "q2?", "a2"]
    assert maker.passed_over() == {f"end of a conversation: {reason}": 1}
    with pytest.raises(Refused) as caught:
        talk(dialogue(tmp_path, least_turns=3), said(*student), said(*teacher))
    assert caught.value.reason == reason


def test_one_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="too few turns"):
        talk(dialogue(tmp_path), said("q1?", "<END>"), said("a1"))


def test_the_speakers_names_are_left_out(tmp_path: Path) -> None:
    draft, author = talk(
        dialogue(tmp_path), said("Student: q1?", "q2?", "<END>"), said("**Teacher:** a1", "<think>hm</think>a2")
    )
    assert contents(draft) == ["q1?", "a1", "q2?", "a2"]
    assert ("user", "a1") in author.asked[2].messages


def test_rounds_bring_other_students(tmp_path: Path) -> None:
    maker = dialogue(tmp_path, rounds=8)
    asked = set()
    for turn in range(8):
        author = ScriptedAuthor({"student": said("q1?", "q2?", "<END>"), "teacher": said("a1", "a2")})
        (seed,) = maker.seeds(SeedRequest(round=turn))
        maker.make(seed, author)
        asked.add(author.asked[0])
    assert len(asked) == 8
    assert len({question.messages for question in asked}) == 6
    assert list(maker.seeds(SeedRequest(round=8))) == []


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="least_turns = 4 is more than most_turns = 3"):
        Dialogue.from_options({"least_turns": 4, "most_turns": 3})
