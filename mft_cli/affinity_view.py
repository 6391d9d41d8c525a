"""Who helps whom, on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from mft_core.support import units


def print_affinity(console: Console, words: Iterable[str], commands: Iterable[str], title: str) -> None:
    """What the measurements say, line by line, and the commands that test it."""
    console.print(Text(title, style="bold"))
    for line in words:
        console.print(Text(units.printable(line, console.encoding)), soft_wrap=True)
    for command in commands:
        console.print(Text(units.printable(command, console.encoding), style="cyan"), soft_wrap=True)
