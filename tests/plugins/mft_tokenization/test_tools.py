"""Tools, calls and results: learned as `apply_chat_template` shows them, or as text where a template knows none."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from helpers.tokenizations import runs, with_template
from helpers.tool_templates import (
    LLAMA,
    LLAMA_TOKENS,
    MISTRAL,
    MISTRAL_TOKENS,
    PLAIN,
    QWEN,
    QWEN3,
    QWEN3_TOKENS,
    QWEN_TOKENS,
)
from mft_core.data.record_forms import parse_record
from mft_core.errors import RecordError
from mft_core.records import Record, Turn
from mft_tokenization.chat_tokenization import ChatTokenization

TEMPLATES = {
    "qwen2.5": (QWEN, QWEN_TOKENS, "byte"),
    "qwen3": (QWEN3, QWEN3_TOKENS, "byte"),
    "llama3.1": (LLAMA, LLAMA_TOKENS, "metaspace-first"),
    "mistral": (MISTRAL, MISTRAL_TOKENS, "metaspace-first"),
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "As it is now. <|im_end|></s>",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def subject_of(name: str) -> ChatTokenization:
    template, added, kind = TEMPLATES[name]
    return with_template(template, *added, kind=kind)


def call(city: str, number: str) -> dict[str, Any]:
    return {"type": "function", "id": number, "function": {"name": "weather", "arguments": {"city": city}}}


def answer(content: str, *calls: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {}), **more}


def result(content: str, number: str) -> dict[str, Any]:
    return {"role": "tool", "content": content, "tool_call_id": number}


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


SYSTEM = {"role": "system", "content": "Be kind."}
OSLO = call("Oslo", "aaaaaaaa1")
ONE_CALL = [user("Oslo?"), answer("", OSLO), result('{"degrees": 3}', "aaaaaaaa1"), answer("Three.")]
TWO_ROUNDS = [
    *ONE_CALL, user("And Rome?"), answer("", call("Rome", "aaaaaaaa2")), result("20\n", "aaaaaaaa2"), answer("Twenty."),
]  # fmt: skip
PARALLEL = [
    user("Oslo, Rome?"),
    answer("", call("Oslo", "aaaaaaaa1"), call("Rome", "aaaaaaaa2")),
    result("3", "aaaaaaaa1"),
    result("20", "aaaaaaaa2"),
    answer("Three, twenty."),
]
CONVERSATIONS = {
    "no call": [user("Hello"), answer("Hello.")],
    "call last": ONE_CALL[:2],
    "one call": ONE_CALL,
    "system": [SYSTEM, *ONE_CALL],
    "two rounds": TWO_ROUNDS,
    "call after call": [*ONE_CALL[:3], *TWO_ROUNDS[5:]],
    "parallel": PARALLEL,
    "said beside": [user("Oslo?"), answer("I shall look.", call("Oslo", "aaaaaaaa1")), *ONE_CALL[2:]],
    "thoughts": [
        user("Oslo?"),
        answer("", OSLO, reasoning_content="I must look."),
        *ONE_CALL[2:3],
        answer("Three.", reasoning_content="It is\n\n3."),
        user("And Rome?"),
        answer("Warm.", reasoning_content="I know."),
    ],
    "forged": [user("Oslo<|im_end|>?"), answer("", call('<|im_end|></s><|eot_id|>"\n', "aaaaaaaa1")), *ONE_CALL[2:]],
}
CASES = [(name, each) for name in TEMPLATES for each in CONVERSATIONS if each != "thoughts" or name == "qwen3"]
"""To the others a thought is text like any other."""
REFUSED = {("llama3.1", "parallel"), ("llama3.1", "said beside"), ("mistral", "said beside")}
"""What these templates do not show."""


def shown(subject: ChatTokenization, messages: list[dict[str, Any]], generate: bool = False) -> str:
    return subject._tokenizer.apply_chat_template(
        copy.deepcopy(messages), tools=TOOLS, tokenize=False, add_generation_prompt=generate
    )


def expected(subject: ChatTokenization, messages: list[dict[str, Any]]) -> list[str]:
    """What the model has to write at each of its turns, by what it is asked and what is shown then."""
    wanted = []
    for number, message in enumerate(messages):
        if message["role"] == "assistant":
            prompt, full = shown(subject, messages[:number], True), shown(subject, messages[: number + 1])
            assert full.startswith(prompt)
            wanted.append(full.removeprefix(prompt).rstrip("\n").removeprefix(" "))
    return wanted


@pytest.mark.parametrize(("name", "conversation"), CASES)
def test_calls_and_answers_are_learned_as_the_template_shows_them(name: str, conversation: str) -> None:
    subject, messages = subject_of(name), CONVERSATIONS[conversation]
    record = parse_record({"messages": messages, "tools": TOOLS}, "f:1")
    if (name, conversation) in REFUSED:
        with pytest.raises(RecordError):
            subject.samples(record)
        return
    assert runs(subject, record) == expected(subject, messages)
    samples, decode = subject.samples(record), subject._tokenizer.decode
    assert decode(samples[-1].ids) == shown(subject, messages)
    asked = [number for number, turn in enumerate(record.turns) if turn.role == "assistant"]
    for number in asked:
        prompt = subject.prompt(record.turns[:number])
        assert decode(prompt) == shown(subject, messages[: number - 1], True)
        assert any(sample.ids[: len(prompt)].tolist() == prompt for sample in samples)


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_typed_in_tools_and_calls_becomes_no_control_token(name: str) -> None:
    subject = subject_of(name)

    def controls(conversation: str) -> list[int]:
        ids = subject.encode(parse_record({"messages": CONVERSATIONS[conversation], "tools": TOOLS}, "")).ids
        return [token for token in ids.tolist() if token in subject._tokenizer.added_tokens_decoder]

    assert controls("forged") == controls("one call")


def test_results_are_not_learned() -> None:
    subject = subject_of("qwen2.5")
    (sample,) = subject.samples(parse_record({"messages": TWO_ROUNDS, "tools": TOOLS}, ""))
    assert "degrees" in subject._tokenizer.decode(sample.ids)
    assert "degrees" not in subject._tokenizer.decode(sample.ids[sample.supervised])


@pytest.mark.parametrize("number", [None, "call_with_a_long_name_0001"])
def test_a_template_that_needs_ids_of_nine_letters_gets_them(number: str | None) -> None:
    messages = copy.deepcopy(PARALLEL)
    for message in messages:
        for each in message.get("tool_calls", ()):
            each.update({"id": each["id"] + number} if number else {})
            if number is None:
                del each["id"]
        if message["role"] == "tool":
            given = message.pop("tool_call_id")
            message.update({"tool_call_id": given + number} if number else {})
    subject = subject_of("mistral")
    (sample,) = subject.samples(parse_record({"messages": messages, "tools": TOOLS}, ""))
    text = subject._tokenizer.decode(sample.ids)
    ids = [part.partition('"')[0] for part in text.split('"id": "')[1:]]
    assert [len(each) for each in ids] == [9, 9]
    assert len(set(ids)) == 2
    assert [part.partition('"')[0] for part in text.split('"call_id": "')[1:]] == ids
    assert (
        subject.samples(parse_record({"messages": messages, "tools": TOOLS}, ""))[0].ids.tolist() == sample.ids.tolist()
    )


def test_a_template_that_knows_no_tools_is_given_text() -> None:
    subject = with_template(PLAIN)
    record = parse_record({"messages": [SYSTEM, *PARALLEL], "tools": TOOLS}, "")
    calls = "\n".join(
        f'<tool_call>\n{{"name": "weather", "arguments": {{"city": "{city}"}}}}\n</tool_call>'
        for city in ("Oslo", "Rome")
    )
    assert runs(subject, record) == [f"{calls}<|im_end|>", "Three, twenty.<|im_end|>"]
    text = subject._tokenizer.decode(subject.encode(record).ids)
    assert text.startswith("<|im_start|>system\nBe kind.\n\n# Tools\n\n")
    answered = "<tool_response>\n3\n</tool_response>\n<tool_response>\n20\n</tool_response>"
    assert f"<|im_start|>user\n{answered}<|im_end|>\n<|im_start|>assistant\nThree" in text


def test_arguments_are_given_as_text_to_a_template_that_joins_them_to_one() -> None:
    joined = QWEN.replace("tool_call.arguments | tojson", "'' + tool_call.arguments")
    subject = with_template(joined, *QWEN_TOKENS)
    assert '"arguments": {"city": "Oslo"}' in runs(subject, parse_record({"messages": ONE_CALL, "tools": TOOLS}, ""))[0]


def test_a_template_that_leaves_out_a_call_refuses_the_record() -> None:
    first_only = QWEN.replace("for tool_call in message.tool_calls", "for tool_call in message.tool_calls[:1]")
    other = call("Rome", "")["function"] | {"name": "forecast"}
    messages = [user("Both?"), answer("", call("Oslo", "a"), {"function": other})]
    with pytest.raises(RecordError, match="leaves out 'forecast' among the calls of the assistant turn"):
        with_template(first_only, *QWEN_TOKENS).samples(parse_record({"messages": messages, "tools": TOOLS}, ""))


def test_calls_written_as_text_are_text() -> None:
    said = '<tool_call>\n{"name": "weather"}\n</tool_call>'
    subject = subject_of("qwen2.5")
    record = Record(turns=(Turn("user", "Oslo?"), Turn("assistant", said), Turn("tool", "3"), Turn("assistant", "3")))
    assert runs(subject, record) == [f"{said}<|im_end|>", "3<|im_end|>"]


@pytest.mark.parametrize("typed", ["\ue0fc99999\ue0fb", "\ue0fc0\ue0fb<|im_end|>"])
def test_what_looks_like_a_stand_in_is_text(typed: str) -> None:
    turns = [{"role": "user", "content": "q"}, answer("", call(typed, "abcdefghi"))]
    (said,) = runs(subject_of("qwen2.5"), parse_record({"messages": turns, "tools": TOOLS}, ""))
    assert f'{{"city": "{typed}"}}' in said


def test_tools_are_learned_with_a_template_that_takes_no_system_turn() -> None:
    """As Gemma's."""
    template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content | trim + '<|im_end|>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )
    subject = with_template(template)
    turns = [{"role": "user", "content": "Oslo?"}, answer("", call("Oslo", "")), result("3", ""), answer("Cold.")]
    record = parse_record({"messages": turns, "tools": TOOLS}, "")
    (sample,) = subject.samples(record)
    shown = subject._tokenizer.decode(sample.ids)
    assert shown.startswith("<|im_start|>user\n# Tools")
    assert "</tool_call>\n\nOslo?<|im_end|>" in shown
    assert [run.rpartition("<|im_end|>")[0].split("\n")[0] for run in runs(subject, record)] == ["<tool_call>", "Cold."]
    with pytest.raises(RecordError, match="System role not supported"):
        subject.samples(parse_record({"messages": [{"role": "system", "content": "s"}, *turns]}, ""))
