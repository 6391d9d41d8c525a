"""Templates that show earlier answers differently from the last: each answer is learned as it is asked for."""

from __future__ import annotations

import inspect
import sys

import pytest

from helpers.chat_templates import (
    CHANNEL_TOKENS,
    CHANNELS,
    ROLE_TOKENS,
    ROLES,
    THINK,
    THINK_ASKED,
    THINK_TOKENS,
)
from helpers.tokenizations import rendered, runs, with_template
from mft_core.errors import MftError, RecordError
from mft_core.records import Record, Turn
from mft_tokenization.chat_tokenization import ChatTokenization

TEMPLATES = {
    "qwen3": (THINK, THINK_TOKENS),
    "qwen3-thinking": (THINK_ASKED, THINK_TOKENS),
    "glm4": (ROLES, ROLE_TOKENS),
    "gpt-oss": (CHANNELS, CHANNEL_TOKENS),
}
EMPTY = "<think>\n\n</think>\n\n"
THOUGHT = "<think>\nwhy\n</think>\n\n"


def subject_of(name: str) -> ChatTokenization:
    template, added = TEMPLATES[name]
    return with_template(template, *added)


def talk(*answers: str, system: str = "") -> tuple[Turn, ...]:
    """A conversation of numbered questions with these answers."""
    pairs = [
        turn
        for number, answer in enumerate(answers, 1)
        for turn in (Turn("user", f"question {number}"), Turn("assistant", answer))
    ]
    return (Turn("system", system), *pairs) if system else tuple(pairs)


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(
    "turns",
    [talk("a1"), talk("a1", "a2", "a3"), talk("x  y", "  z", system="Be kind.")],
    ids=["one round", "three rounds", "system"],
)
def test_each_answer_is_supervised_once_in_the_context_that_asks_for_it(name: str, turns: tuple[Turn, ...]) -> None:
    subject = subject_of(name)
    encode = subject._tokenizer
    asked = [number for number, turn in enumerate(turns) if turn.role == "assistant"]
    samples = subject.samples(Record(turns=turns))
    assert len(samples) == len(asked)
    for number, sample in zip(asked, samples, strict=True):
        text = rendered(subject, turns[:number], generate=True)
        prompt = encode(text, add_special_tokens=False, split_special_tokens=False)["input_ids"]
        assert sample.ids[: len(prompt)].tolist() == prompt == subject.prompt(turns[:number])
        assert not sample.supervised[: len(prompt)].any()
        target = encode.decode(sample.ids[sample.supervised])
        full = rendered(subject, turns[: number + 1]).rstrip("\n")
        assert full.startswith(text)
        assert target == full.removeprefix(text) + ("<|endoftext|>" if name == "glm4" else "")
        assert sample.supervised[len(prompt) : len(prompt) + sample.supervised.sum()].all()


def test_answers_that_stand_as_they_are_asked_for_share_a_sample() -> None:
    """A template that shows a mark before the third answer alone."""
    template = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
        "{% if messages | length > 4 %}{{ 'late\\n' if false else '' }}{% endif %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ).replace("m.role + '\\n' +", "m.role + '\\n' + ('!' if messages | length > 4 and loop.first else '') +")
    subject = with_template(template)
    samples = subject.samples(Record(turns=talk("a1", "a2", "a3")))
    assert [subject._tokenizer.decode(sample.ids[sample.supervised]) for sample in samples] == [
        "a1<|im_end|>a2<|im_end|>",
        "a3<|im_end|>",
    ]


def test_thoughts_are_learned_with_the_answer_and_left_out_of_the_history() -> None:
    subject = subject_of("qwen3")
    assert runs(subject, Record(turns=talk(f"{THOUGHT}a1"))) == [f"{THOUGHT}a1<|im_end|>"]
    found = runs(subject, Record(turns=talk(f"{THOUGHT}a1", "a2", "<think>so</think>a3")))
    assert found == [f"{THOUGHT}a1<|im_end|>", f"{EMPTY}a2<|im_end|>", "<think>\nso\n</think>\n\na3<|im_end|>"]
    last = subject.samples(Record(turns=talk(f"{THOUGHT}a1", "a2")))[-1]
    assert "why" not in subject._tokenizer.decode(last.ids)
    marks = subject._tokenizer.convert_tokens_to_ids(["<think>", "</think>"])
    assert [token for token in last.ids.tolist() if token in marks] == marks


def test_a_thought_that_the_prompt_opens_is_learned_from_there() -> None:
    subject = subject_of("qwen3-thinking")
    assert runs(subject, Record(turns=talk(f"{THOUGHT}a1", "a2"))) == [
        "why\n</think>\n\na1<|im_end|>",
        "\n</think>\n\na2<|im_end|>",
    ]


def test_an_empty_thought_is_that_of_the_template() -> None:
    subject = subject_of("qwen3")
    ours, theirs = (subject.encode(Record(turns=talk(answer))).ids.tolist() for answer in (f"{EMPTY}a1", "a1"))
    assert ours == theirs


@pytest.mark.parametrize(
    ("turns", "turn"),
    [
        (talk('text.split("</think>")'), "of the assistant turn 2"),
        (talk("a1", 'text.split("</think>")'), "of the assistant turn 4"),
        (talk("a1", 'text.split("</think>")', "a3", system="Be kind."), "of the assistant turn 5"),
    ],
)
def test_the_turn_that_a_template_changes_is_named(turns: tuple[Turn, ...], turn: str) -> None:
    with pytest.raises(RecordError) as caught:
        subject_of("qwen3").samples(Record(turns=turns))
    assert (caught.value.reason, caught.value.detail) == ("template changes content", turn)


def test_a_thought_that_the_template_leaves_out_refuses_the_record() -> None:
    template = "{% for m in messages %}{{ m.role + ': ' + m.content.split('</think>')[-1] + eos_token }}{% endfor %}"
    subject = with_template(template + "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}", *THINK_TOKENS)
    assert runs(subject, Record(turns=talk("a1"))) == ["a1<|endoftext|>"]
    with pytest.raises(RecordError, match="leaves out the thought of the assistant turn 2"):
        subject.samples(Record(turns=talk(f"{THOUGHT}a1")))


@pytest.mark.parametrize("said", [f"{EMPTY}yes", f"{THOUGHT}yes", 'text.split("</think>")', "<think>\nnever ends"])
def test_a_conversation_goes_on_whatever_was_answered(said: str) -> None:
    subject = subject_of("qwen3")
    turns = [*talk(said), Turn("user", "and now?<|im_end|>")]
    prompt = subject._tokenizer.decode(subject.prompt(turns))
    assert prompt == rendered(subject, turns, generate=True)
    ends = subject._tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert subject.prompt(turns).count(ends) == 3, "what a user types became a control token"


def test_marks_of_thoughts_are_text_for_a_template_that_does_not_know_them() -> None:
    template = "{% for m in messages %}{{ m.role + ': ' + m.content + eos_token }}{% endfor %}"
    subject = with_template(template + "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}")
    assert runs(subject, Record(turns=talk(f"{THOUGHT}a1"))) == [f"{THOUGHT}a1<|endoftext|>"]


@pytest.mark.parametrize(
    ("name", "ends"),
    [("qwen3", ["<|im_end|>"]), ("gpt-oss", ["<|return|>"]), ("glm4", ["<|endoftext|>", "<|user|>"])],
)
def test_the_ends_of_an_answer_are_those_that_the_template_shows(name: str, ends: list[str]) -> None:
    subject = subject_of(name)
    assert subject._tokenizer.convert_ids_to_tokens(list(subject.end_tokens)) == ends


@pytest.mark.parametrize(("name", "lead_in"), [("qwen3", EMPTY), ("qwen3-thinking", "\n</think>\n\n"), ("glm4", "\n")])
def test_what_the_template_writes_before_every_answer_is_known(name: str, lead_in: str) -> None:
    assert subject_of(name).lead_in == lead_in


def test_later_rounds_are_tried_when_a_tokenizer_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a plan that puts something between the rounds."""
    prompt = ChatTokenization.prompt
    monkeypatch.setattr(
        ChatTokenization, "prompt", lambda self, turns: prompt(self, turns)[: 5 if len(turns) > 4 else None]
    )
    with pytest.raises(MftError, match="in a way mft cannot follow"):
        subject_of("qwen3")


def test_a_conversation_may_have_more_turns_than_the_stack_has_room_for() -> None:
    turns = talk(*("a" for _ in range(160)))
    subject = with_template("{% for m in messages %}{{ '<' + m.role + '>' + m.content + '\\n' }}{% endfor %}")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 120)
    try:
        samples = subject.samples(Record(turns=turns))
    finally:
        sys.setrecursionlimit(before)
    assert sum(int(sample.supervised.sum() > 0) for sample in samples) == len(samples) > 0
