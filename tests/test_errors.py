"""Errors that speak to the user."""

from __future__ import annotations

from mft_core.errors import MftError, RecordError, UsageError, together


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


def test_errors_together_say_everything_once() -> None:
    alone = UsageError("a is wrong", "mend a")
    assert together([alone]) is alone
    errors = [MftError("a is gone", "copy it"), MftError("b is torn"), MftError("c is gone", "copy it")]
    both = together([*errors, UsageError("d is wrong", "mend d")])
    assert both.message == "a is gone\nb is torn\nc is gone\nd is wrong"
    assert both.hint == "copy it\nmend d"
    assert type(both) is MftError
