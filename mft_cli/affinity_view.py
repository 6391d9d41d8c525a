"""Who helps whom, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from mft_core.objective.affinity_summary import Affinity
from mft_core.run.affinity_words import affinity_lines
from mft_core.support import units


def print_affinity(
    console: Console, affinity: Affinity, tests: Sequence[tuple[str, str]], title: str = "Who helps whom"
) -> None:
    """What the measurements say, line by line, and how to test it.

    Args:
        tests: (purpose, shell command).
    """
    console.print(Text(title, style="bold"))
    for line in affinity_lines(affinity):
        console.print(Text(units.printable(line, console.encoding)), soft_wrap=True)
    for purpose, command in tests:
        shown = units.printable(command, console.encoding)
        console.print(Text.assemble((shown, "cyan"), (f"  # {purpose}", "dim")), soft_wrap=True)
