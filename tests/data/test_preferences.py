"""Pairs of answers, read as the conversation that ends with the chosen one where that is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mft_core.data.record_forms import parse_record, unread_keys
from mft_core.errors import RecordError
from mft_core.records import Turn
from mft_core.support.reading import RecordForm

CHOSEN = RecordForm(preference="chosen")
ASKED, GOOD, BAD = ({"role": role, "content": content} for role, content in
                    (("user", "q"), ("assistant", "a"), ("assistant", "b")))  # fmt: skip
SHAPES: list[dict[str, Any]] = [
    {"prompt": "q", "chosen": "a", "rejected": "b"},
    {"question": "q", "chosen_response": "a", "rejected_response": "b"},
    {"prompt": "q", "chosen": [GOOD], "rejected": [BAD]},
    {"prompt": "q", "chosen": GOOD, "rejected": BAD},
    {"prompt": [ASKED], "chosen": [GOOD], "rejected": [BAD]},
    {"prompt": [ASKED], "chosen": "a", "rejected": "b"},
    {"prompt": "q", "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
    {"chosen": [ASKED, GOOD], "rejected": [ASKED, BAD], "score_chosen": 8.0, "score_rejected": 3.0},
    {"chosen": json.dumps([ASKED, GOOD]), "rejected": json.dumps([ASKED, BAD])},
    {"prompt": "q", "messages": [ASKED, GOOD], "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
    {"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": {
        "from": "gpt", "value": "b"}},
    {"conversations": [ASKED], "chosen": "a", "rejected": "b"},
    {"messages": [ASKED, GOOD], "rejected_response": "b"},
    {"query": "q", "response": "a", "rejected_response": "b"},
]  # fmt: skip


@pytest.mark.parametrize("value", SHAPES)
def test_the_chosen_answer_is_learned_where_that_is_asked_for(value: dict[str, Any]) -> None:
    assert parse_record(value, "f:1", CHOSEN).turns == (Turn("user", "q"), Turn("assistant", "a"))
    assert list(unread_keys(value, CHOSEN)) == []
    with pytest.raises(RecordError, match=r'data\.preference = "chosen"') as caught:
        parse_record(value, "f:1")
    assert caught.value.reason.startswith("unsupported field ")


def test_what_comes_before_the_answer_is_kept() -> None:
    value = {"system": "s", "prompt": "q", "history": [["p", "o"]], "chosen": GOOD, "rejected": BAD}
    turns = parse_record(value, "", CHOSEN).turns
    assert [turn.content for turn in turns] == ["s", "p", "o", "q", "a"]


def test_another_answer_beside_the_chosen_one_is_refused() -> None:
    for value in (
        {"prompt": "q", "response": "c", "chosen": "a"},
        {"prompt": "q", "chosen": "a", "chosen_response": "c"},
    ):
        with pytest.raises(RecordError) as caught:
            parse_record(value, "", CHOSEN)
        assert caught.value.reason == "ambiguous fields"


def test_a_verdict_is_no_preference() -> None:
    assert parse_record({"messages": [ASKED, GOOD], "label": True}, "").turns[-1].content == "a"
    with pytest.raises(RecordError, match="unsupported field label"):
        parse_record({"messages": [ASKED, BAD], "label": False}, "", CHOSEN)
