"""Rich's console, through which no secret leaves."""

from __future__ import annotations

from typing import IO, Any

from rich.console import Console

from mft_core.support.redact import redact


class RedactingConsole(Console):
    """Writes what Rich renders without secrets, to whatever stream Rich would write to."""

    @property
    def file(self) -> Any:
        """The stream; a property of Rich's, which asks for it at each line."""
        return _Redacting(super().file)

    @file.setter
    def file(self, stream: IO[str]) -> None:
        self._file = stream


class _Redacting:
    """A text stream that redacts what is written to it; in all else it is the stream it is made of."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(redact(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
