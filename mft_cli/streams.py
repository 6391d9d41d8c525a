"""Standard streams and arguments in any locale: what cannot be written is shown, what cannot be read is told."""

from __future__ import annotations

import io
import sys

from mft_core.errors import UsageError


def write_anything() -> None:
    """Let both outputs show what the locale's encoding cannot write as escapes, instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def read_anything() -> None:
    """Let bytes on standard input that are no text in the locale's encoding be read, for `checked` to name them."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")


def checked(text: str, where: str, encoding: str | None = None) -> str:
    """The text, if it is one.

    Args:
        text: as Python decodes arguments and, after `read_anything`, standard input.
        where: where it comes from, for the message.
        encoding: it was read in; None: that of arguments.

    Raises:
        UsageError: some of its bytes are no text.
    """
    wrong = next((number for number, character in enumerate(text) if "\ud800" <= character <= "\udfff"), None)
    if wrong is None:
        return text
    name = encoding or sys.getfilesystemencoding()
    raise UsageError(
        f"{where} is not {name.upper()}: its character {wrong + 1} is the byte 0x{ord(text[wrong]) & 0xFF:02x}.",
        f"Convert it (iconv -t {name}), or set the locale (LC_ALL) that it is written in.",
    )
