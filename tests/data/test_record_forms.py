from __future__ import annotations

import pytest

from mft_core.data.record_forms import content_digest, folded_digest, parse_record
from mft_core.errors import RecordError
from mft_core.records import Record, Turn

QUESTION = (Turn("user", "q"), Turn("assistant", "a"))


@pytest.mark.parametrize(
    "value",
    [
        {"prompt": "q", "response": "a"},
        {"instruction": "q", "output": "a"},
        {"instruction": "q", "input": "", "output": "a"},
        {"question": "q", "answer": "a"},
        {"input": "q", "output": "a"},
        {"query": "q", "answer": "a"},
        {"query": "q", "response": "a"},
        {"prompt": "q", "completion": "a"},
        {"prompt": "q", "response": "a", "id": 3, "task": "t", "source": None, "license": "MIT", "text": "all of it"},
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
        {"chat_rounds": [{"role": "human", "content": "q"}, {"role": "bot", "content": "a"}]},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
        {"conversations": [{"from": "Human", "value": "q"}, {"from": "GPT", "value": "a"}]},
    ],
)
def test_every_form_gives_the_same_turns(value: dict) -> None:
    assert parse_record(value, "f:1") == Record(turns=QUESTION, origin="f:1")


def test_alpaca_joins_instruction_and_input() -> None:
    record = parse_record({"instruction": "Sort", "input": "3 1", "output": "1 3", "system": "Be brief"}, "")
    assert record.turns == (Turn("system", "Be brief"), Turn("user", "Sort\n3 1"), Turn("assistant", "1 3"))


def test_what_repeats_a_turn_is_no_second_form() -> None:
    again = {"prompt": "q\n", "answer": "a", "conversations": [], "history": []}
    assert parse_record(chat(("user", "q"), ("assistant", "a")) | again, "f:1").turns == QUESTION


def test_history_comes_before_the_prompt() -> None:
    record = parse_record({"prompt": "q2", "response": "a2", "history": [["q", "a"]]}, "")
    assert record.turns == (*QUESTION, Turn("user", "q2"), Turn("assistant", "a2"))


def test_history_that_is_null_as_text_is_none() -> None:
    assert parse_record({"prompt": "q", "response": "a", "history": "null"}, "").turns == QUESTION


def test_system_stands_beside_or_among_the_turns() -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    inside = parse_record({"messages": [{"role": "system", "content": "s"}, *turns]}, "")
    beside = parse_record({"system": "s", "messages": turns}, "")
    assert inside == beside
    assert inside.turns[0] == Turn("system", "s")


def test_plain_text() -> None:
    assert parse_record({"text": " x\n"}, "f:2") == Record(text=" x\n", origin="f:2")


def test_content_is_not_altered() -> None:
    prompt, response = "  \tq\r\n\u2028 ", "\n a \n\n"
    assert [turn.content for turn in parse_record({"prompt": prompt, "response": response}, "").turns] == [
        prompt,
        response,
    ]


def chat(*turns: tuple[object, object]) -> dict:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (["prompt"], "not an object"),
        (None, "not an object"),
        ({"code": "x"}, "unknown form"),
        ({"prompt": "q"}, "missing response"),
        ({"response": "a"}, "missing prompt"),
        ({"prompt": "q", "response": ""}, "empty response"),
        ({"prompt": "q", "response": None}, "empty response"),
        ({"prompt": "q", "response": " \n"}, "empty response"),
        ({"prompt": "q", "response": {"a": 3}}, "content is not text"),
        ({"prompt": "q", "response": [3]}, "content is not text"),
        ({"prompt": None, "response": float("inf")}, "missing prompt"),
        ({"prompt": ["q"], "response": "a"}, "content is not text"),
        ({"prompt": "q", "question": "q", "response": "a"}, "ambiguous fields"),
        ({"prompt": "q", "response": "a", "output": "b"}, "ambiguous fields"),
        ({"text": " "}, "empty text"),
        ({"text": 1}, "content is not text"),
        ({"messages": []}, "no answer"),
        ({"messages": "hello"}, "no answer"),
        ({"messages": ["hello"]}, "not an object"),
        (chat(("user", "q"), ("critic", "a")), "unknown role"),
        (chat(("user", "q"), ("tool", "a")), "wrong order of roles"),
        (chat(("user", "q"), ("assistant", "a"), ("tool", "r")), "no answer"),
        (chat(("user", "q"), (None, "a")), "unknown role"),
        (chat(("user", "q"), ("assistant", [{"type": "text"}])), "content is not text"),
        (chat(("user", "q"), ("assistant", None)), "content is not text"),
        (chat(("user", "q")), "no answer"),
        (chat(("system", "s")), "no answer"),
        (chat(("user", "q"), ("assistant", "a"), ("user", "q")), "no answer"),
        (chat(("assistant", "a")), "wrong order of roles"),
        (chat(("user", "q"), ("user", "q"), ("assistant", "a")), "wrong order of roles"),
        (chat(("user", "q"), ("assistant", "a"), ("assistant", "a")), "wrong order of roles"),
        (chat(("user", "q"), ("system", "s"), ("assistant", "a")), "wrong order of roles"),
        (chat(("user", "q"), ("assistant", ""), ("user", "q"), ("assistant", "a")), "empty response"),
        (
            chat(("user", "q"), ("assistant", "a")) | {"conversations": [{"from": "human", "value": "r"}]},
            "ambiguous fields",
        ),
        (chat(("user", "q"), ("assistant", "a")) | {"prompt": "another"}, "ambiguous fields"),
        (chat(("user", "q"), ("assistant", "a")) | {"history": [["r", "b"]]}, "ambiguous fields"),
        *(
            ({"prompt": "q", "response": "a", "history": history}, "wrong order of roles")
            for history in (1, 0.5, True, {"r": "b"}, "7", "true", '{"r": "b"}', [1], "r")
        ),
    ],
)
def test_what_cannot_be_used_has_a_named_reason(value: object, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse_record(value, "f:1")
    assert caught.value.reason == reason
    assert caught.value.detail


def test_digest_depends_on_the_content_alone() -> None:
    first = parse_record({"prompt": "q", "response": "a", "id": 1}, "f:1")
    second = parse_record({"chat_rounds": [{"role": "human", "content": "q"}, {"role": "bot", "content": "a"}]}, "g:2")
    assert content_digest(first) == content_digest(second)
    others = [{"prompt": "qa", "response": "a"}, {"prompt": "q", "response": "a "}, {"text": "q"}]
    assert content_digest(first) not in {content_digest(parse_record(other, "")) for other in others}


@pytest.mark.parametrize("record", [{"prompt": " q  1\n", "response": "a"}, {"prompt": "q\u00a01", "response": "\ta"}])
def test_the_folded_digest_tells_no_white_space_apart(record: dict) -> None:
    plain = parse_record({"prompt": "q 1", "response": "a"}, "")
    assert folded_digest(parse_record(record, "")) == folded_digest(plain)
    assert content_digest(parse_record(record, "")) != content_digest(plain)
    assert folded_digest(parse_record({"prompt": "q1", "response": "a"}, "")) != folded_digest(plain)
    weighted = tuple(turn._replace(weight=0.5) for turn in plain.turns)
    assert folded_digest(Record(turns=weighted, weight=2.0)) == folded_digest(plain)
    assert folded_digest(Record(text="q 1\n")) == folded_digest(Record(text="q 1")) != folded_digest(plain)


def test_digest_does_not_run_turns_together() -> None:
    one = Record(turns=(Turn("user", "ab"), Turn("assistant", "c")))
    two = Record(turns=(Turn("user", "a"), Turn("assistant", "bc")))
    assert content_digest(one) != content_digest(two)
