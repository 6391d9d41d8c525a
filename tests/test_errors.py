"""Errors that speak to the user."""

from __future__ import annotations

from mft_core.errors import MftError, RecordError, UsageError


def test_the_hint_follows_the_message() -> None:
    assert str(MftError("It broke.", "Mend it.")) == "It broke.\nMend it."
    assert str(MftError("It broke.")) == "It broke."


def test_exit_codes_tell_wrong_use_from_failure() -> None:
    assert (MftError("").exit_code, UsageError("").exit_code) == (1, 2)
    assert isinstance(UsageError(""), MftError)


def test_a_record_is_refused_for_a_reason_to_count_by() -> None:
    error = RecordError("empty response", "turn 2")
    assert (error.reason, error.detail, str(error)) == ("empty response", "turn 2", "empty response: turn 2")
    assert str(RecordError("empty response")) == "empty response"
