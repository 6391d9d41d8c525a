"""How pictures look: colours that colour-blind readers can tell apart, type, and fonts for names in any script."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1b1f24"
"""Text, axes and medians; in a page it may become the colour of the page's own text."""

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7f7f7f")
"""The palette of Okabe and Ito (2008), its yellow and black replaced by grey: both vanish on one background."""

RESOLUTION = 150

SETTINGS = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#808080",
    "grid.alpha": 0.22,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "mft",
    "path.simplify": True,
}


FALLBACK_FONTS = ("Noto Sans CJK SC", "WenQuanYi Micro Hei", "Microsoft YaHei", "PingFang SC", "Arial Unicode MS")
"""For task names in scripts that matplotlib's own font lacks; those that are installed are used."""


MISSING_GLYPH = r"Glyph (\d+) .*missing from font"
MOST_LETTERS = 12


def font_families() -> list[str]:
    """Matplotlib's own font, then what this machine has for other scripts."""
    from matplotlib.font_manager import get_font_names

    installed = set(get_font_names())
    return ["DejaVu Sans", *[font for font in FALLBACK_FONTS if font in installed]]


@contextmanager
def drawing() -> Iterator[None]:
    """The settings of a picture, for the block that draws and writes it; matplotlib is imported here.

    Letters that no font here has become boxes; which, and what to install, is logged once for the same letters.
    """
    import matplotlib

    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=MISSING_GLYPH, category=UserWarning)
        with matplotlib.rc_context({**SETTINGS, "font.family": font_families()}):
            yield
    missing: dict[int, None] = {}
    for warning in caught:
        if found := re.match(MISSING_GLYPH, str(warning.message)):
            missing[int(found[1])] = None
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if missing:
        _tell_of_boxes("".join(map(chr, missing)))


@cache
def _tell_of_boxes(letters: str) -> None:
    """Once for the same letters: a run draws every minute."""
    logging.getLogger(__name__).warning(boxes_warning(letters))


def boxes_warning(letters: str) -> str:
    """What is said of letters that no font here has."""
    import matplotlib

    shown = f"{letters[:MOST_LETTERS]}{' ...' * (len(letters) > MOST_LETTERS)}"
    return (
        f"pictures show boxes in place of {shown}: no font here has these letters. Install one of "
        f"{', '.join(FALLBACK_FONTS)}, as by `apt install fonts-noto-cjk`, and remove matplotlib's list of fonts, "
        f"{matplotlib.get_cachedir()}/fontlist-*.json. Tables, and `mft board`, have the fonts of terminal and browser"
    )


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=RESOLUTION, facecolor="white")
    return target.getvalue()


def svg(figure: Figure, *, transparent: bool = False) -> str:
    """The figure as an SVG file, the same for the same figure, names as outlines."""
    target = io.StringIO()
    empty = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    colours = {"transparent": True} if transparent else {"facecolor": "white"}
    figure.savefig(target, format="svg", dpi=RESOLUTION, metadata=empty, **colours)
    return target.getvalue()
