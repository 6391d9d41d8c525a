"""Replies of an endpoint."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from mft_core.endpoint.replies import seconds_to_wait


def test_how_long_to_wait() -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert [seconds_to_wait(text) for text in ("3", "0.5", "-1", "", "soon", "nan", "inf")] == [3, 0.5, 0, *[None] * 4]
    assert seconds_to_wait(format_datetime(now + timedelta(seconds=9), usegmt=True), now) == 9
