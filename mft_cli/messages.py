"""Progress of long work, what mft's own modules log meanwhile, and everybody who listens to a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from mft_cli.progress import Progress
    from mft_core.events import Listener
    from mft_core.recipe.schema import Recipe
    from mft_core.registry.discovery import Plugins


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
def everybody_listening(
    recipe: Recipe, plugins: Plugins, screen: Console
) -> Iterator[tuple[Progress, dict[str, Listener]]]:
    """Progress on `screen`, and all listeners to the run of `recipe`, by name.

    They are the plugins', the progress, and the trackers that the recipe asks for; those are closed at the end, and
    work on the one rank whose screen is not quiet.
    """
    from mft_core.run.tracking import Trackers

    with progress_shown(screen) as progress, ExitStack() as cleanup:
        listeners: dict[str, Listener] = {**plugins.listeners(), "progress": progress}
        if recipe.output.trackers and not screen.quiet:
            trackers = Trackers(recipe.output.trackers, Path(recipe.output.dir))
            cleanup.callback(trackers.close)
            listeners["trackers"] = trackers
        yield progress, listeners


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
