"""Standard streams and arguments in any locale: what cannot be written is shown, what cannot be read is told."""

from __future__ import annotations

import io
import os
import sys

from mft_core.errors import UsageError


def restart_in_utf8() -> None:
    """Where the locale has another encoding, start this process anew in Python's UTF-8 mode; else do nothing.

    Names of files, in the file system and in recipes, are UTF-8 whatever the locale says, and so is what libraries
    read and write. The screen and what is typed keep the locale's encoding. A PYTHONUTF8 that is set has decided.
    """
    if sys.getfilesystemencoding() == "utf-8" or "PYTHONUTF8" in os.environ:
        return
    streams = {"PYTHONIOENCODING": sys.getfilesystemencoding(), **os.environ}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**streams, "PYTHONUTF8": "1"})


def as_typed(argument: str) -> str:
    """An argument; one whose bytes are no UTF-8, and no file's name, is read in the encoding of what is typed."""
    if argument.isascii() or not any(_is_byte(character) for character in argument) or os.path.lexists(argument):
        return argument
    try:
        return os.fsencode(argument).decode(getattr(sys.stdin, "encoding", None) or "utf-8")
    except UnicodeDecodeError:  # whatever takes the argument says so
        return argument


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
    wrong = next((number for number, character in enumerate(text) if _is_byte(character)), None)
    if wrong is None:
        return text
    name = encoding or sys.getfilesystemencoding()
    raise UsageError(
        f"{where} is not {name.upper()}: its character {wrong + 1} is the byte 0x{ord(text[wrong]) & 0xFF:02x}.",
        f"Convert it (iconv -t {name}), or set the locale (LC_ALL) that it is written in.",
    )


def _is_byte(character: str) -> bool:
    """Whether it stands for a byte that is no text."""
    return "\ud800" <= character <= "\udfff"
