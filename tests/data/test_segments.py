from __future__ import annotations

from typing import Any

import pytest

from mft_core.data.record_forms import content_digest, parse_record, unread_keys
from mft_core.data.segments import has_segments
from mft_core.errors import RecordError
from mft_core.records import Record


def segment(text: Any, label: Any, **others: Any) -> dict[str, Any]:
    return {"text": text, "label": label, **others}


def test_segments_are_one_text_of_which_some_is_learned() -> None:
    value = {"segments": [segment("2 + 2 =", False), segment(" 4</s>", True), segment("\n", 0)], "id": 3}
    text, segments = "2 + 2 = 4</s>\n", ((7, False), (6, True), (1, False))
    assert parse_record(value, "f:1") == Record(text=text, segments=segments, origin="f:1")
    assert list(unread_keys(value)) == []


def test_they_differ_from_the_text_alone_and_from_other_labels() -> None:
    records = [
        parse_record({"segments": [segment("a", False), segment("b", True)]}, ""),
        parse_record({"segments": [segment("a", True), segment("b", True)]}, ""),
        parse_record({"segments": [segment("ab", True)]}, ""),
        parse_record({"text": "ab"}, ""),
    ]
    assert len({content_digest(record) for record in records}) == 4


def test_segments_of_something_else_are_none() -> None:
    transcript = {"text": "hello there", "segments": [{"start": 0, "end": 1, "text": "hello there"}]}
    assert not has_segments(transcript)
    assert parse_record(transcript, "").segments == ()
    assert not has_segments({"segments": []})


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([segment("a", True), segment(3, True)], "content is not text"),
        ([segment("a", True), segment("b", "yes")], "bad segments"),
        ([segment("a", True), segment("b", 2)], "bad segments"),
        ([segment("a", True), segment("b", None)], "bad segments"),
        ([segment("a", True, weight=2)], "bad segments"),
        ([segment("a", False), segment(" ", True)], "empty text"),
        ([segment("a", False)], "empty text"),
        ([segment("a", True), {"text": "b"}], "unknown form"),
    ],
)
def test_what_cannot_be_segments_has_a_named_reason(items: list[Any], reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse_record({"segments": items}, "")
    assert caught.value.reason == reason
