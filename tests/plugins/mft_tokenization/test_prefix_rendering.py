"""All beginnings of a conversation from few renderings, letter by letter what the template shows of each alone."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from helpers.chat_templates import CHANNEL_TOKENS, CHANNELS, THINK, THINK_TOKENS
from helpers.tokenizations import with_template
from helpers.tool_templates import LLAMA, LLAMA_TOKENS, PLAIN, QWEN, QWEN3, QWEN3_TOKENS, QWEN_TOKENS
from mft_core.records import Record, Turn
from mft_tokenization.chat_tokenization import ChatTokenization
from mft_tokenization.prefix_rendering import PrefixRendering, Watched

STATE = (
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
    "{% set ns = namespace(open=false, system='') %}"
    "{% for m in messages %}{% if m.role == 'system' %}{% set ns.system = m.content %}{% endif %}{% endfor %}"
    "{{ ns.system }}{% if tools %}{{ tools | tojson }}{% endif %}"
    "{% for m in messages %}{% if m.role == 'tool' %}{% if not ns.open %}<outputs>{% endif %}{% set ns.open = true %}"
    "{{ '<output>' + m.content }}"
    "{% else %}{% if ns.open %}</outputs>{% endif %}{% set ns.open = false %}"
    "{{ '<|im_start|>' + m.role + '\\n' + m.content }}"
    "{% for call in m.tool_calls or [] %}{{ call.function.name + (call.function.arguments | tojson) }}{% endfor %}"
    "{{ '<|im_end|>\\n' }}{% endif %}{% endfor %}"
    "{% if ns.open %}</outputs>{% endif %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""DeepSeek's manner: a namespace says whether results are open."""
LENGTH = PLAIN.replace("m.role + '\\n'", "m.role + ('!' if messages | length > 6 else '') + '\\n'")
BACKWARDS = PLAIN.replace("m.role + '\\n'", "m.role + messages[loop.index0 - 1].role + '\\n'")
NUMBERED = PLAIN.replace("m.role + '\\n'", "m.role ~ loop.revindex + '\\n'")
FOLLOWED = {
    "qwen2.5": (QWEN, QWEN_TOKENS), "qwen3": (QWEN3, QWEN3_TOKENS), "llama3.1": (LLAMA, LLAMA_TOKENS),
    "a state": (STATE, ()), "last marked": (CHANNELS, CHANNEL_TOKENS), "plain": (PLAIN, ()),
}  # fmt: skip
ALONE = {
    "length": (LENGTH, ()), "backwards": (BACKWARDS, ()), "numbered": (NUMBERED, ()),
    "every question another state": (THINK, THINK_TOKENS),
}  # fmt: skip
"""Templates of which a pass over the whole would say something else, or nothing that can be known."""


def subject_of(name: str) -> ChatTokenization:
    template, added = (FOLLOWED | ALONE)[name]
    return with_template(template, *added)


def talk(rounds: int) -> list[Turn]:
    """Questions and answers."""
    return [
        turn
        for number in range(rounds)
        for turn in (Turn("user", f"q{number}"), Turn("assistant", f"a{number}"))
    ]  # fmt: skip


def calls(rounds: int) -> list[Turn]:
    """Tools, one question, calls one after the other, an answer."""
    tools = json.dumps([{"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}])
    turns = [Turn("tools", tools), Turn("user", "q")]
    for number in range(rounds):
        call = json.dumps([{"name": "f", "arguments": {"n": number}, "id": f"abcdefg{number:02d}"}])
        turns += [Turn("assistant", "", calls=call), Turn("tool", f"r{number}", call_id=f"abcdefg{number:02d}")]
    return [*turns, Turn("assistant", "done")]


def beginnings(subject: ChatTokenization, turns: list[Turn]) -> tuple[PrefixRendering, list[int]]:
    """Of a conversation, and the lengths of the turns that the template was asked to render since."""
    rendering, asked = subject._rendering, list[int]()

    def render(some: Sequence[Turn], generate: bool) -> str:
        asked.append(len(some))
        return rendering.render(some, generate)

    counts = list(range(3, len(turns) + 1))
    found = PrefixRendering(turns, render, counts, rendering._prefix_template, lambda: rendering._data(turns))
    return found, asked


def compare(subject: ChatTokenization, turns: list[Turn]) -> list[int]:
    """The lengths of the beginnings that were rendered alone; all are what the template shows."""
    found, asked = beginnings(subject, turns)
    asked.clear()
    for count in range(3, len(turns) + 1):
        for generate in (False, True):
            assert found.render(turns[:count], generate) == subject._rendering.render(turns[:count], generate)
    return asked


@pytest.mark.parametrize("name", FOLLOWED)
def test_beginnings_are_put_together_without_being_rendered(name: str) -> None:
    subject = subject_of(name)
    turns = calls(6) if subject._rendering.form.tools else talk(8)
    assert all(count <= 3 for count in compare(subject, turns))


@pytest.mark.parametrize("name", FOLLOWED)
@pytest.mark.parametrize("system", [(), (Turn("system", "Be kind."),)], ids=["bare", "system"])
def test_several_questions_between_calls(name: str, system: tuple[Turn, ...]) -> None:
    subject = subject_of(name)
    several = [*calls(3), *calls(4)[1:], Turn("user", "Why?"), Turn("assistant", "So.")]
    turns = [*several[:1], *system, *several[1:]] if subject._rendering.form.tools else [*system, *talk(5)]
    compare(subject, turns)


@pytest.mark.parametrize("name", ALONE)
def test_what_cannot_be_known_is_rendered(name: str) -> None:
    subject = subject_of(name)
    turns = talk(6)
    assert {4, 7, 10} <= set(compare(subject, turns))


def test_other_turns_are_rendered() -> None:
    subject = subject_of("plain")
    found, asked = beginnings(subject, talk(6))
    other = [*talk(3)[:-1], Turn("assistant", "another")]
    assert found.render(other, False) == subject._rendering.render(other, False)
    assert asked[-1] == 6


def test_a_long_record_is_one_sample_of_few_renderings(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of("qwen2.5")
    asked: list[int] = []
    render = subject._rendering.render
    monkeypatch.setattr(
        subject._rendering, "render", lambda turns, generate: asked.append(len(turns)) or render(turns, generate)
    )
    (sample,) = subject.samples(Record(turns=tuple(calls(40))))
    assert sample.supervised.any()
    assert len(asked) < 12


def test_only_messages_up_to_the_next_are_seen() -> None:
    faults: list[int] = []
    watched = Watched(["a", "b", "c"], 2, lambda: faults.append(1))
    assert (watched[0], watched[1], bool(watched)) == ("a", "b", True)
    for look in (
        lambda: watched[2],
        lambda: watched[-1],
        lambda: watched[:1],
        lambda: len(watched),
        lambda: list(watched),
    ):
        before = len(faults)
        with pytest.raises(TypeError):
            look()
        assert len(faults) > before
