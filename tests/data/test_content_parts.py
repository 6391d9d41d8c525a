"""What a turn says: texts, scalars, typed parts; what is no text is refused by what it is."""

from __future__ import annotations

from typing import Any

import pytest

from mft_core.data.content_parts import Said, read_parts, read_text
from mft_core.errors import RecordError


def part(kind: str, text: Any, key: str = "text") -> dict[str, Any]:
    return {"type": kind, key: text}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (" a\n", " a\n"),
        (3, "3"),
        (0, "0"),
        (0.5, "0.5"),
        (True, "true"),
        (False, "false"),
        ([part("text", "a ")], "a "),
        ([part("text", "a\n", "value"), part("text", ""), "b", part("input_text", " c", "content")], "a\nb c"),
    ],
)
def test_texts_scalars_and_parts_are_exactly_what_they_say(content: Any, text: str) -> None:
    assert read_text(content, "response") == text


def test_lists_and_objects_are_compact_json_where_that_is_asked_for() -> None:
    content = {"ä": [1, "b"], "c": None}
    assert read_text(content, "response", render_json=True) == '{"ä":[1,"b"],"c":null}'
    assert read_text([], "response", render_json=True) == "[]"
    for other in (content, [1], [], ["a"], [{"a": 1}]):
        with pytest.raises(RecordError, match=r"data\.render_json = true") as caught:
            read_text(other, "response")
        assert caught.value.reason == "content is not text"


@pytest.mark.parametrize("content", [None, float("inf"), [part("thinking", "t")], [part("tool_use", "f", "name")]])
def test_what_has_no_text_is_refused(content: Any) -> None:
    with pytest.raises(RecordError) as caught:
        read_text(content, "prompt", render_json=True)
    assert caught.value.reason in ("content is not text", "bad tool call")


@pytest.mark.parametrize("kind", ["image", "image_url", "input_audio", "video", "file"])
def test_pictures_and_sound_are_refused_by_name(kind: str) -> None:
    with pytest.raises(RecordError) as caught:
        read_text([part("text", "Who?"), {"type": kind, kind: "x"}], "turn 1")
    assert caught.value.reason == f"unsupported content {kind}"


def test_thoughts_stand_before_and_calls_after_what_is_said() -> None:
    call = {"name": "f", "arguments": {"a": 1}}
    parts = [
        part("reasoning", "t", "value"),
        part("thinking", "u", "thinking"),
        part("text", "s"),
        part("tool_call", '{"name": "f", "arguments": {"a": 1}}', "value"),
        {"type": "tool_use", "name": "f", "input": {"a": 1}},
        {"type": "tool_call", "tool_call": call},
    ]
    assert read_parts(parts, "turn 2") == Said("s", "tu", [call, call, call])


@pytest.mark.parametrize(
    "parts",
    [
        [part("text", "s"), part("reasoning", "t")],
        [part("tool_call", '{"name": "f"}', "value"), part("text", "s")],
    ],
)
def test_another_order_of_parts_is_refused(parts: list[Any]) -> None:
    with pytest.raises(RecordError) as caught:
        read_parts(parts, "turn 2")
    assert caught.value.reason == "wrong order of parts"


@pytest.mark.parametrize("broken", [{"type": "text", "text": 1}, {"type": "text", "text": "a", "value": "b"}])
def test_a_part_without_one_text_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match="without one text"):
        read_text([broken], "turn 1")
