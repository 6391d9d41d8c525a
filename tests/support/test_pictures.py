"""What all pictures have in common."""

from __future__ import annotations

import io
import warnings

import pytest
from matplotlib.figure import Figure
from PIL import Image

from mft_core.support import pictures
from mft_core.support.pictures import RESOLUTION, drawing, font_families, png, svg

pytestmark = pytest.mark.slow


def drawn() -> Figure:
    figure = Figure(figsize=(2, 1), layout="constrained")
    figure.subplots().set_title("\u4efb\u52a1 a")
    return figure


def test_a_png_has_its_size_and_any_script_draws_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with drawing():
            picture = Image.open(io.BytesIO(png(drawn())))
    assert (picture.format, picture.size) == ("PNG", (2 * RESOLUTION, RESOLUTION))


def test_an_svg_is_the_same_each_time_and_says_nothing_of_the_machine() -> None:
    with drawing():
        one, other, clear = svg(drawn()), svg(drawn()), svg(drawn(), transparent=True)
    assert one == other
    assert "<svg" in one
    assert "dc:date" not in one
    assert "#ffffff" in one
    assert clear.count("#ffffff") < one.count("#ffffff")


def test_fonts_that_are_not_there_are_not_asked_for() -> None:
    from matplotlib.font_manager import get_font_names

    assert font_families()[0] == "DejaVu Sans"
    assert set(font_families()) <= set(get_font_names())


def test_letters_that_no_font_has_are_told_once_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pictures, "font_families", lambda: ["DejaVu Sans"])
    pictures._tell_of_boxes.cache_clear()
    for _ in range(2):
        with drawing():
            png(drawn())
    (record,) = caplog.records
    assert "in place of \u4efb\u52a1:" in record.getMessage()
    assert "fonts-noto-cjk" in record.getMessage()
    assert "fontlist-*.json" in record.getMessage()


def test_other_warnings_of_the_block_are_still_told() -> None:
    with pytest.warns(UserWarning, match="something else"), drawing():
        warnings.warn("something else", UserWarning, stacklevel=1)
