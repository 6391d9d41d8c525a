"""Replies of an endpoint."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from mft_core.endpoint.replies import read_reply, seconds_to_wait


def test_how_long_to_wait() -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert [seconds_to_wait(text) for text in ("3", "0.5", "-1", "", "soon", "nan", "inf")] == [3, 0.5, 0, *[None] * 4]
    assert seconds_to_wait(format_datetime(now + timedelta(seconds=9), usegmt=True), now) == 9


def test_halves_of_surrogate_pairs_are_in_no_reply() -> None:
    choice = {"finish_reason": "stop", "message": {"content": "a \ud800 b \U0001f600"}}
    reply = read_reply(200, {}, json.dumps({"model": "m\udfff", "choices": [choice]}))
    assert (reply.text, reply.model) == ("a ? b \U0001f600", "m?")
    assert read_reply(400, {}, json.dumps({"error": {"message": "no \ud800"}})).text == "status 400: no ?"
