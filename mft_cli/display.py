"""What every command writes with: one console for results, one for messages, one form of error; none shows secrets."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer
from typing_extensions import Self

from mft_core.support.redact import redacted
from mft_core.support.units import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPED_WIDTH = 160
"""Columns where output is no terminal and $COLUMNS is not set: tables then need not break their lines."""


def console(*, stderr: bool = False) -> Console:
    """Rich's console on stdout, for results, or on stderr, for messages; plain where that is no terminal.

    No secret leaves by it, and control characters in what is printed (a file's name, a line of a checkpoint's
    config.json) are shown as escapes, so that they cannot act on the terminal.
    """
    from mft_cli.safe_console import SafeConsole

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return SafeConsole(stderr=stderr, width=width, highlight=False, soft_wrap=False)


class LiveView:
    """A part of the terminal that shows what `render` gives, again and again, while a block runs, and then is gone.

    Where there is no terminal `_live` is None, and nothing is shown.

    Args:
        screen: where to.
        render: gives what is shown.
    """

    def __init__(self, screen: Console, render: Callable[[], RenderableType]) -> None:
        from rich.live import Live

        terminal = screen.is_terminal and not screen.is_dumb_terminal
        self._live = Live(console=screen, get_renderable=render, transient=True) if terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()


def print_line(screen: Console, text: str, style: str = "") -> None:
    """A line of plain text, never wrapped, without what the screen's encoding cannot write."""
    from rich.text import Text

    screen.print(Text(printable(text, screen.encoding), style=style), soft_wrap=True)


def show_json(value: Any) -> None:
    """JSON on stdout, for programs to read."""
    typer.echo(json.dumps(redacted(value), indent=1))


def show_warning(message: str) -> None:
    """One line on stderr."""
    _message("warning: ", "yellow", message)


def show_error(message: str, hint: str = "") -> None:
    """What happened, and how to mend it, on stderr."""
    _message("error: ", "bold red", message, hint)


def show_traceback(error: BaseException) -> None:
    """The traceback of `error` on stderr."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    console(stderr=True).print(text, markup=False, style="dim", soft_wrap=True)


def _message(label: str, style: str, message: str, hint: str = "") -> None:
    from rich.text import Text

    text = Text.assemble((label, style), message, *([("\n" + hint, "cyan")] if hint else []))
    console(stderr=True).print(text, soft_wrap=True)
