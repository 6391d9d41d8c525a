"""What every command writes with: one console for results, one for messages, one form of error."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from mft_core.support.redact import redact

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH = 160
"""Columns where output is no terminal and $COLUMNS is not set: tables then need not break their lines."""


def console(*, stderr: bool = False) -> Console:
    """Rich's console on stdout, for results, or on stderr, for messages; plain where that is no terminal.

    Control characters in what is printed (a file's name, a line of a checkpoint's config.json) are shown as escapes, so
    that they cannot act on the terminal.
    """
    from mft_cli.safe_console import SafeConsole

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return SafeConsole(stderr=stderr, width=width, highlight=False, soft_wrap=False)


def show_warning(message: str) -> None:
    """One line on stderr."""
    _message("warning: ", "yellow", message)


def show_error(message: str, hint: str = "") -> None:
    """What happened, and how to mend it, on stderr, without secrets."""
    _message("error: ", "bold red", message, hint)


def show_traceback(error: BaseException) -> None:
    """The traceback of `error` on stderr, without secrets."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    console(stderr=True).print(redact(text), markup=False, style="dim", soft_wrap=True)


def _message(label: str, style: str, message: str, hint: str = "") -> None:
    from rich.text import Text

    text = Text.assemble((label, style), redact(message), *([("\n" + redact(hint), "cyan")] if hint else []))
    console(stderr=True).print(text, soft_wrap=True)
