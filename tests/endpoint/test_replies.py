"""Replies of an endpoint."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from mft_core.endpoint.replies import Reply, TryAgain, read_reply, seconds_to_wait


def test_how_long_to_wait() -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert [seconds_to_wait(text) for text in ("3", "0.5", "-1", "", "soon", "nan", "inf")] == [3, 0.5, 0, *[None] * 4]
    assert seconds_to_wait(format_datetime(now + timedelta(seconds=9), usegmt=True), now) == 9


def test_halves_of_surrogate_pairs_are_in_no_reply() -> None:
    choice = {"finish_reason": "stop", "message": {"content": "a \ud800 b \U0001f600"}}
    reply = read_reply(200, {}, json.dumps({"model": "m\udfff", "choices": [choice]}))
    assert (reply.text, reply.model) == ("a ? b \U0001f600", "m?")
    assert read_reply(400, {}, json.dumps({"error": {"message": "no \ud800"}})).text == "status 400: no ?"


TOO_LONG = {
    "vLLM": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
    "SGLang": "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    "llama.cpp": "the request exceeds the available context size (4096 tokens), try increasing it",
    "OpenAI": "Input tokens exceed the configured limit: context_length_exceeded",
}


@pytest.mark.parametrize("server", TOO_LONG)
def test_questions_that_are_too_long_are_told_from_others(server: str) -> None:
    reply = read_reply(400, {}, json.dumps({"error": {"message": TOO_LONG[server]}}))
    assert (reply.end, reply.too_long) == ("refused", True)
    assert not read_reply(400, {}, json.dumps({"error": {"message": "stop: at most 4 strings"}})).too_long
    choice = {"finish_reason": "stop", "text": "maximum context length"}
    assert not read_reply(200, {}, json.dumps({"choices": [choice]})).too_long


def test_the_rest_of_a_text_is_a_reply_and_an_empty_one_where_it_is_taken() -> None:
    body = json.dumps({"model": "m", "choices": [{"finish_reason": "length", "text": "  return"}]})
    assert read_reply(200, {}, body) == Reply("length", "  return", "m")
    empty = json.dumps({"choices": [{"finish_reason": "stop", "text": ""}]})
    assert read_reply(200, {}, empty, empty=True) == Reply("stop", "")
    with pytest.raises(TryAgain, match="without text"):
        read_reply(200, {}, empty)
