"""Who helps whom, on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from mft_cli.display import print_line


def print_affinity(console: Console, words: Iterable[str], commands: Iterable[str], title: str) -> None:
    """What the measurements say, line by line, and the commands that test it."""
    console.print(Text(title, style="bold"))
    for line in words:
        print_line(console, line)
    for command in commands:
        print_line(console, command, "cyan")
