from __future__ import annotations

from typing import Any

import pytest

from mft_core.data.record_forms import parse_record, unread_keys
from mft_core.errors import RecordError
from mft_core.records import Turn
from mft_core.support.reading import RecordForm

QUESTION = (Turn("user", "q"), Turn("assistant", "a"))
ROUND = {"human": "q", "assistant": "a"}


@pytest.mark.parametrize(
    "value",
    [
        {"problem": "q", "solution": "a"},
        {"problem": "q", "answer": "a"},
        {"input": "q", "targets": "a"},
        {"INSTRUCTION": "q", "RESPONSE": "a", "SOURCE": None},
        {"conversation": [ROUND]},
        {"conversation": [{"user": "q", "bot": "a"}]},
        {"conversation": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
        {"messages": [ROUND]},
        {"conversation": [{"input": "q", "output": "a"}]},
        {"Prompt": "q", "Response": "a"},
        {"Instruction": "q", "Output": "a"},
        {"messages": {"role": ["user", "assistant"], "content": ["q", "a"]}},
        {"messages": [{"role": "prompter", "content": "q"}, {"role": "assistant", "content": "a"}]},
        {"messages": ' [ {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]'},
    ],
)
def test_forms_of_other_tools_are_read_under_the_usual_keys(value: dict[str, Any]) -> None:
    assert parse_record(value, "").turns == QUESTION
    assert list(unread_keys(value)) == []


def test_rounds_with_a_system_text_and_weights() -> None:
    value = {"system": "s", "conversation": [{**ROUND, "weight": 0}, {"human": "q2", "assistant": "a2"}]}
    again = (Turn("user", "q2"), Turn("assistant", "a2"))
    assert parse_record(value, "").turns == (Turn("system", "s"), QUESTION[0], Turn("assistant", "a", 0.0), *again)


@pytest.mark.parametrize(
    ("value", "unread"),
    [
        ({"prompt": "q", "response": "a", "solution": "b"}, ["solution"]),
        ({"prompt": "q", "response": "a", "problem": "b", "conversation": [ROUND]}, ["problem", "conversation"]),
        ({"prompt": "q", "response": "a", "RESPONSE": "b"}, ["RESPONSE"]),
        ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "problem": "b"},
         ["problem"]),
    ],
)  # fmt: skip
def test_beside_the_usual_keys_they_are_named_as_unread(value: dict[str, Any], unread: list[str]) -> None:
    assert parse_record(value, "").turns == QUESTION
    assert list(unread_keys(value)) == unread


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"problem": "q", "solution": "a", "targets": "b"}, "missing response"),
        ({"problem": "q", "solution": "a", "answer": "b"}, ""),
        ({"conversation": "q: a"}, "unknown form"),
        ({"conversation": [{**ROUND, "bot": "b"}]}, "unknown role"),
        ({"conversation": [ROUND, {"human": "q"}]}, "unknown role"),
    ],
)
def test_what_has_no_single_meaning_is_refused(value: dict[str, Any], reason: str) -> None:
    if not reason:
        assert list(unread_keys(value)) == ["solution"]
        return
    with pytest.raises(RecordError) as caught:
        parse_record(value, "")
    assert caught.value.reason == reason


def result(content: Any, call_id: str = "c") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]}
ASKED, SAID = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}


def test_results_of_tools_in_a_turn_of_the_users_are_turns() -> None:
    parts = [result("3"), result([{"type": "text", "text": "4"}], "d"), {"type": "text", "text": "and?"}]
    turns = parse_record({"messages": [ASKED, CALL, {"role": "user", "content": parts}, SAID]}, "").turns
    assert turns[2:] == (
        Turn("tool", "3", call_id="c"),
        Turn("tool", "4", call_id="d"),
        Turn("user", "and?"),
        Turn("assistant", "a"),
    )
    turns = parse_record({"messages": [ASKED, CALL, {"role": "user", "content": [result(None)]}, SAID]}, "").turns
    assert [turn.role for turn in turns] == ["user", "assistant", "tool", "assistant"]


def test_a_result_after_a_text_is_refused() -> None:
    parts = [{"type": "text", "text": "so:"}, result("3")]
    with pytest.raises(RecordError, match="turn 3 has a text before the result of a tool"):
        parse_record({"messages": [ASKED, CALL, {"role": "user", "content": parts}, SAID]}, "")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"inputs": "q", "targets": "a"}, "^unknown form: none of the known fields among: inputs, targets$"),
        ({"problem": "q", "worked": "a"}, "^unknown form: none of the known fields among: problem, worked$"),
        (
            {"prompt": None, "response": ""},
            "^empty response: there is nothing to learn: prompt, response hold nothing$",
        ),
        ({"messages": None, "id": 1}, "^empty response: there is nothing to learn: messages hold nothing$"),
    ],
)
def test_a_refusal_names_keys_that_the_record_has(value: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        parse_record(value, "f:1")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"text": "Sort it.", "code": "sorted(x)"}, 'prompt = "text", response = "code"'),
        ({"text": "Hello", "role": "prompter"}, "one turn alone"),
        ({"Prompt": "q", "PROMPT": "r", "Response": "a"}, "none of the known fields"),
        ({"messages": {"role": ["user", "assistant"], "content": ["q"]}}, "not a list of turns"),
    ],
)
def test_what_would_be_learned_by_half_is_refused(value: dict[str, Any], words: str) -> None:
    with pytest.raises(RecordError, match=words):
        parse_record(value, "")


@pytest.mark.parametrize("value", [{"text": "Sort it.", "code": "x"}, {"text": "Sort it.", "role": "user"}])
def test_a_text_that_is_named_is_learned(value: dict[str, Any]) -> None:
    assert parse_record(value, "", RecordForm(columns=(("text", "text"),))).text == "Sort it."
    assert parse_record({"text": "x", "role": "critic"}, "").text == "x"


def test_history_may_be_turns() -> None:
    before = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    again = (Turn("user", "q2"), Turn("assistant", "a2"))
    assert parse_record({"history": before, "prompt": "q2", "response": "a2"}, "").turns == (*QUESTION, *again)
    chosen = {"history": before, "prompt": "q2", "chosen": [{"role": "assistant", "content": "a2"}], "rejected": "no"}
    assert parse_record(chosen, "", RecordForm(preference="chosen")).turns == (*QUESTION, *again)
