"""Progress of long work, and what mft's own modules log meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from mft_cli.progress import Progress


class _Forward(logging.Handler):
    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("mft"):
            self._show(record.getMessage())


@contextmanager
def progress_shown(screen: Console) -> Iterator[Progress]:
    """Progress on `screen`, log messages of mft's modules among it."""
    from mft_cli.progress import Progress

    with Progress(screen) as progress, _messages_shown(progress.message):
        yield progress


@contextmanager
def _messages_shown(show: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, what modules called mft... log (downloads, fall-backs) goes to `show`, a line at a time."""
    root, handler = logging.getLogger(), _Forward(show)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
