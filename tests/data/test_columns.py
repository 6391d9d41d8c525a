"""Columns that a recipe names: used, no longer refused nor unread, and named where they are missing."""

from __future__ import annotations

from typing import Any

import pytest

from mft_core.data.record_forms import parse_record, unread_keys
from mft_core.errors import RecordError
from mft_core.records import Turn
from mft_core.support.reading import RecordForm

ROW = {"question": "How many?", "query": "SELECT 1", "schema": "CREATE TABLE t", "context": "c", "input": "x", "id": 3}


def form(**columns: str) -> RecordForm:
    return RecordForm(columns=tuple(columns.items()))


def said(value: dict[str, Any], asked: RecordForm) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in parse_record(value, "f:1", asked).turns]


def test_a_column_may_stand_for_each_key() -> None:
    asked = form(prompt="question", response="query", system="context", reasoning="schema")
    assert said(ROW, asked) == [
        ("system", "c"),
        ("user", "How many?"),
        ("assistant", "<think>\nCREATE TABLE t\n</think>\n\nSELECT 1"),
    ]
    assert list(unread_keys(ROW, asked)) == ["input"]


def test_a_template_shows_columns_in_its_text() -> None:
    asked = form(prompt="Write SQL {{here}}.\n{schema}\n{question} {id}{context}", response="query")
    assert said(ROW | {"context": None}, asked)[0][1] == "Write SQL {here}.\nCREATE TABLE t\nHow many? 3"
    assert list(unread_keys(ROW, asked)) == ["input"]


def test_a_key_that_is_not_used_is_refused_as_before() -> None:
    with pytest.raises(RecordError, match="unsupported field context"):
        parse_record(ROW, "f:1", form(prompt="{schema} {question}", response="query"))


def test_what_is_not_named_is_found_by_its_key() -> None:
    assert said({"ask": "q", "answer": "a"}, form(prompt="ask")) == [("user", "q"), ("assistant", "a")]
    assert said({"prompt": "q", "answer": "a", "role": "s"}, form(system="role"))[0] == ("system", "s")


def test_messages_text_and_tools_may_have_another_name() -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert said({"conv": turns, "prompt": "p1"}, form(messages="conv")) == [("user", "q"), ("assistant", "a")]
    assert parse_record({"body": "t", "prompt": "p"}, "", form(text="body")).text == "t"
    record = parse_record({"conv": turns, "apis": [{"name": "f"}]}, "", form(messages="conv", tools="apis"))
    assert record.turns[0] == Turn("tools", '[{"type":"function","function":{"name":"f"}}]')


def test_a_missing_column_is_named_with_a_suggestion() -> None:
    with pytest.raises(RecordError) as caught:
        parse_record(ROW, "f:1", form(prompt="questoin", response="query"))
    assert caught.value.reason == "missing column questoin"
    assert "columns.prompt" in caught.value.detail
    assert "Did you mean 'question'?" in caught.value.detail
    with pytest.raises(RecordError, match="missing column tabel"):
        parse_record(ROW, "f:1", form(prompt="{tabel}", response="query"))


def test_a_list_in_a_template_is_refused_unless_it_may_be_json() -> None:
    value, columns = {"rows": [1, 2], "answer": "a"}, (("prompt", "Sort {rows}"),)
    with pytest.raises(RecordError, match=r"the column 'rows' holds a list: set data\.render_json"):
        parse_record(value, "", RecordForm(columns))
    assert parse_record(value, "", RecordForm(columns, render_json=True)).turns[0].content == "Sort [1,2]"


def test_what_is_named_for_itself_may_be_missing_as_ever() -> None:
    asked = form(prompt="ask", system="system", tools="tools")
    assert said({"ask": "q", "answer": "a"}, asked) == [("user", "q"), ("assistant", "a")]
    assert said({"ask": "q", "answer": "a", "system": "s"}, asked)[0] == ("system", "s")
    with pytest.raises(RecordError, match="missing column apis"):
        parse_record({"ask": "q", "answer": "a"}, "", form(prompt="ask", tools="apis"))


def test_an_object_may_be_used_as_a_whole_beside_a_field_of_it() -> None:
    value = {"a": {"b": {"c": "deep", "d": 1}, "e": "kept"}, "answer": "x"}
    form = RecordForm(columns=(("prompt", "{a.b.c} of {a.b}"), ("response", "answer")), render_json=True)
    assert parse_record(value, "", form).turns[0].content == 'deep of {"c":"deep","d":1}'
    whole = RecordForm(columns=(("prompt", "{a.e} of {a}"), ("response", "answer")), render_json=True)
    assert parse_record(value, "", whole).turns[0].content == 'kept of {"b":{"c":"deep","d":1},"e":"kept"}'


def test_columns_in_objects() -> None:
    value = {"translation": {"en": "cat", "de": "Katze", "fr": "chat"}, "meta": {"note": "short"}}
    form = RecordForm(columns=(("prompt", "To German ({meta.note}): {translation.en}"), ("response", "translation.de")))
    assert parse_record(value, "", form).turns == (
        Turn("user", "To German (short): cat"),
        Turn("assistant", "Katze"),
    )
    assert list(unread_keys(value, form)) == ["translation"]  # there is French left in it
    with pytest.raises(RecordError, match=r"columns\.response names it"):
        parse_record(value, "", RecordForm(columns=(("prompt", "translation.en"), ("response", "translation.it"))))
