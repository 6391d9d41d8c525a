"""A table in plain text: what `mft list` prints. Rich's would take longer to import than all the rest of it."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence

import typer

from mft_cli.display import PIPED_WIDTH
from mft_core.support.redact import redact

GAP = "  "
NARROWEST = 20
"""Characters that the folded column has at least, however narrow the terminal is."""


def print_columns(
    rows: Sequence[Mapping[str, str]], columns: Sequence[str], folded: str, colours: Mapping[str, str]
) -> None:
    """Print rows below a line of headings, as wide as the terminal.

    Args:
        rows: column -> text.
        columns: in order.
        folded: the column whose text goes over several lines where there is too little room; no other does.
        colours: text -> colour of the last column; only a terminal gets them.
    """
    widths = {name: max(_cells(text) for text in (name, *(row[name] for row in rows))) for name in columns}
    others = sum(width + len(GAP) for name, width in widths.items() if name != folded)
    widths[folded] = min(widths[folded], max(NARROWEST, _screen_width() - others))
    lines = [_line({name: name for name in columns}, widths), GAP.join("-" * width for width in widths.values())]
    for row in rows:
        first, *more = _fold(row[folded], widths[folded])
        last = {columns[-1]: _coloured(row[columns[-1]], colours)}
        lines.append(_line({**row, folded: first, **last}, widths))
        lines += [_line({**dict.fromkeys(columns, ""), folded: text}, widths) for text in more]
    typer.echo(redact("\n".join(lines)))


def _line(texts: Mapping[str, str], widths: Mapping[str, int]) -> str:
    """The last column is not padded, so it may hold what takes no place, such as a colour."""
    *padded, last = widths
    return GAP.join(
        [*(texts[name] + " " * (widths[name] - _cells(texts[name])) for name in padded), texts[last]]
    ).rstrip()


def _coloured(text: str, colours: Mapping[str, str]) -> str:
    plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or text not in colours else typer.style(text, fg=colours[text])


def _screen_width() -> int:
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return PIPED_WIDTH


def _fold(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells; wide characters count as two, wherever they are in the text."""
    return textwrap.wrap(text, width if _cells(text) == len(text) else width // 2) or [""]


def _cells(text: str) -> int:
    """Places that a text takes on the screen: two for a Chinese character, none for an accent on the one before it."""
    if text.isascii():
        return len(text)
    import unicodedata

    alone = (character for character in text if unicodedata.category(character)[0] not in "MC")
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in alone)
