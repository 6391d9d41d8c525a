"""How much records and answers count: which keys say so, and what they may hold."""

from __future__ import annotations

from typing import Any

import pytest

from mft_core.data.record_forms import content_digest, parse_record, unread_keys
from mft_core.errors import RecordError

PAIR = {"prompt": "q", "response": "a"}


def chat(*answers: dict[str, Any], question: dict[str, Any] | None = None, **record: Any) -> dict[str, Any]:
    asked = {"role": "user", "content": "q", **(question or {})}
    return {
        "messages": [turn for a in answers for turn in (asked, {"role": "assistant", "content": "a", **a})],
        **record,
    }


def answer_weights(value: dict[str, Any]) -> list[float]:
    return [turn.weight for turn in parse_record(value, "f:1").turns if turn.role == "assistant"]


@pytest.mark.parametrize("key", ["weight", "sample_weight", "loss_weight", "loss_scale", "Weight"])
@pytest.mark.parametrize(
    ("held", "weight"), [(0.5, 0.5), (2, 2.0), (0, 0.0), ("0.25", 0.25), (" 3 ", 3.0), (None, 1.0), ("", 1.0)]
)
def test_a_record_has_the_weight_it_gives(key: str, held: Any, weight: float) -> None:
    for value in (PAIR, {"text": "t"}, chat({})):
        record = parse_record({**value, key: held}, "f:1")
        assert record.weight == weight
        assert list(unread_keys({**value, key: held})) == []
        assert all(turn.weight == 1.0 for turn in record.turns)


@pytest.mark.parametrize(
    ("turn", "weight"),
    [
        ({"weight": 0.5}, 0.5), ({"loss_weight": 0}, 0.0), ({"loss_scale": "2"}, 2.0), ({"weight": True}, 1.0),
        ({"loss": False}, 0.0), ({"train": "false"}, 0.0), ({"training": 0}, 0.0), ({"Trainable": "No"}, 0.0),
        ({"loss": True}, 1.0), ({"loss": 0.5}, 0.5), ({"supervised": "yes"}, 1.0), ({"loss": None}, 1.0),
        ({"weight": 0.5, "loss": True}, 0.5), ({"weight": 2, "train": False}, 0.0),
        ({"weight": 0.5, "loss_weight": "0.5"}, 0.5), ({"weight": 0, "loss": 0.5}, 0.0),
    ],
)  # fmt: skip
def test_an_answer_has_the_weight_its_turn_gives(turn: dict[str, Any], weight: float) -> None:
    assert answer_weights(chat(turn, {})) == [weight, 1.0]
    assert list(unread_keys(chat(turn, {}))) == []


@pytest.mark.parametrize("held", [True, 1, 1.0, "true", "Yes"])
def test_a_turn_that_is_no_answer_is_never_learned(held: Any) -> None:
    turns = [{"role": "user", "content": "q", "Train": held}, {"role": "assistant", "content": "a"}]
    with pytest.raises(RecordError, match="unsupported field Train"):
        parse_record({"messages": turns}, "")


@pytest.mark.parametrize("key", ["weight", "train"])
def test_a_part_has_no_weight_of_its_own(key: str) -> None:
    parts = [{"type": "text", "text": "a", key: 0}, {"type": "text", "text": "b"}]
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": parts}]
    with pytest.raises(RecordError, match=f"unsupported field {key}"):
        parse_record({"messages": turns}, "")
    parts[0][key] = 1
    assert parse_record({"messages": turns}, "").turns[1].content == "ab"


def test_weights_of_other_turns_say_nothing() -> None:
    value = chat({}, question={"weight": 0.0, "loss_weight": 0.5, "loss": False})
    assert [turn.weight for turn in parse_record(value, "f:1").turns] == [1.0, 1.0]


@pytest.mark.parametrize(
    "held", [-1, -0.5, 1e400, float("nan"), "inf", "nan", "high", [1], {"a": 1}, 1e-30, 10**30, "1e500"]
)
def test_anything_else_is_a_bad_weight(held: Any) -> None:
    for value in (PAIR | {"weight": held}, chat({"weight": held}), {"text": "t", "loss_scale": held}):
        with pytest.raises(RecordError) as caught:
            parse_record(value, "f:1")
        assert caught.value.reason == "bad weight"


def test_a_product_out_of_range_is_a_bad_weight() -> None:
    with pytest.raises(RecordError) as caught:
        parse_record(chat({"weight": 1e15}, weight=1e15), "f:1")
    assert caught.value.reason == "bad weight"
    assert parse_record(chat({"weight": 0}, {}, weight=1e15), "f:1").weight == 1e15


def test_two_different_weights_are_ambiguous() -> None:
    for value in (PAIR | {"weight": 0.5, "loss_weight": 2}, chat({"weight": 0.5, "loss": 0.25})):
        with pytest.raises(RecordError) as caught:
            parse_record(value, "f:1")
        assert caught.value.reason == "ambiguous fields"


def test_a_record_switched_off_weighs_nothing_and_a_loss_that_was_measured_is_no_weight() -> None:
    assert parse_record(PAIR | {"train": False}, "f:1").weight == 0.0
    assert parse_record(PAIR | {"loss": "0"}, "f:1").weight == 0.0
    measured = PAIR | {"loss": 2.31, "training": "stage 1"}
    assert parse_record(measured, "f:1").weight == 1.0
    assert list(unread_keys(measured)) == ["loss", "training"]
    assert list(unread_keys(chat({"training": "stage 1"}))) == ["messages[].training"]


def test_digests_tell_weights_apart_and_leave_those_of_plain_records_alone() -> None:
    values = [
        chat({}, {}), chat({"weight": 0.5}, {}), chat({}, {"weight": 0.5}), chat({}, {}, weight=0.5),
        chat({"loss": False}, {}),
    ]  # fmt: skip
    digests = [content_digest(parse_record(value, "f:1")) for value in values]
    assert len(set(digests)) == len(values)
    assert content_digest(parse_record(chat({"weight": 1}, {"train": True}, weight="1.0"), "f:1")) == digests[0]
    assert content_digest(parse_record(PAIR, "f:1")).hex() == "01764c3b25730460"
