"""Rich's console, through which no secret leaves, and on which only Rich itself moves the cursor or changes colours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mft_core.support.redact import redact
from mft_core.support.units import printable


class SafeConsole(Console):
    """A console that redacts secrets and shows control characters in text as escapes, such as \\x1b."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of anything printed; those that Rich made to control the terminal pass as they are."""
        for segment in super().render(renderable, options):
            if segment.control is not None or segment.text.isprintable():
                yield segment
            else:
                yield Segment("\n".join(map(printable, segment.text.split("\n"))), segment.style)

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
