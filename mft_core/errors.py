"""Errors that speak to the user: what happened and where, then how to mend it."""

from __future__ import annotations

from collections.abc import Sequence


class MftError(Exception):
    """A failure the user can understand and mend; shown without a traceback unless `--debug`.

    Args:
        message: what happened and where (file:line, task, recipe key).
        hint: how to mend it.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


def together(errors: Sequence[MftError]) -> MftError:
    """One error that says what all of them say, so that a user need not meet them one by one."""
    if len(errors) == 1:
        return errors[0]
    hints = dict.fromkeys(error.hint for error in errors if error.hint)
    return MftError("\n".join(error.message for error in errors), "\n".join(hints))


def first_line(error: BaseException) -> str:
    """The first line of what a library's error says, or its kind where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


class UsageError(MftError):
    """Wrong use: a misspelt key, an unknown component, options that contradict each other (exit code 2)."""

    exit_code = 2


class RecordError(MftError):
    """One training record cannot be used; it is counted, quarantined and shown, never silently dropped.

    Args:
        reason: a short stable code, such as "empty response", under which records are counted.
        detail: what exactly is wrong with this record.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
