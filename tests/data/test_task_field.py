"""The task that a record says it belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from mft_core.data.record_forms import parse_record, unread_keys
from mft_core.data.task_field import field_path, task_name, task_value
from mft_core.errors import RecordError
from mft_core.support.reading import RecordForm


@pytest.mark.parametrize(
    ("value", "expected"),
    [("code", "code"), (" code\n", "code"), (7, "7"), (1.5, "1.5"), (True, "true"), (0, "0"), ("e\u0301", "\u00e9")],
)
def test_texts_numbers_and_booleans_name_a_task(value: Any, expected: str) -> None:
    assert task_value({"channel": value}, "channel") == expected


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "missing task field"),
        ({"channel": None}, "missing task field"),
        ({"channel": " \n"}, "missing task field"),
        ([{"role": "user"}], "missing task field"),
        ({"channel": ["code"]}, "bad task field"),
        ({"channel": {"a": 1}}, "bad task field"),
        ({"channel": "x" * 101}, "bad task field"),
        ({"channel": "\U0001f600" * 200}, "bad task field"),
        ({"channel": "a\ud800"}, "bad task field"),
        ({"channel": float("inf")}, "bad task field"),
    ],
)
def test_what_names_none_is_refused_by_reason(record: Any, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        task_value(record, "channel")
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("my sql", "my_sql"),
        ("a/b", "a_b"),
        ("C++", "C__"),
        ("C#", "C_"),
        (".net", "_net"),
        ("हिन्दी", "हिन्दी"),
        ("..", "_."),
    ],
)
def test_what_names_cannot_have_becomes_an_underscore(value: str, name: str) -> None:
    assert task_name(value) == name


def test_dots_lead_into_objects_where_there_is_no_such_key() -> None:
    nested = {"meta": {"channel": "a", "b.c": {"d": "e"}}}
    assert field_path(nested, "meta.channel") == ("meta", "channel")
    assert field_path({**nested, "meta.channel": "plain"}, "meta.channel") == ("meta.channel",)
    assert field_path(nested, "meta.b.c.d") == ("meta", "b.c", "d")
    assert field_path({"meta": "text"}, "meta.channel") == ()
    assert task_value(nested, "meta.channel") == "a"


def test_the_field_is_read_and_refuses_nothing() -> None:
    pair = {"prompt": "q", "response": "r"}
    form = RecordForm(task_field="context")
    assert parse_record({**pair, "context": "legal"}, "", form).turns[0].content == "q"
    assert list(unread_keys({**pair, "kindred": "legal"}, RecordForm(task_field="kindred"))) == []
    assert list(unread_keys({**pair, "kindred": "legal"})) == ["kindred"]
    nested = {**pair, "about": {"kind": "legal"}}
    assert list(unread_keys(nested, RecordForm(task_field="about.kind"))) == []
    more = {**pair, "about": {"kind": "legal", "more": "text"}}
    assert list(unread_keys(more, RecordForm(task_field="about.kind"))) == ["about"]


def test_what_is_learned_stays_what_is_learned() -> None:
    record = {"prompt": "q", "response": "r", "system": "Be brief.", "lang": "go"}
    assert parse_record(record, "", RecordForm(task_field="system")).turns[0].content == "Be brief."
    columns = RecordForm((("prompt", "{lang}: {prompt}"), ("response", "response")), task_field="lang")
    assert [turn.content for turn in parse_record(record, "", columns).turns] == ["Be brief.", "go: q", "r"]
