"""compare.png: what every arm is called stays in the picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.made_up_comparisons import comparison
from mft_core.comparison.writing import write_outcome
from mft_core.support.pictures import drawing
from mft_report.comparison import comparison_figure

OPTIONS = " every=2 learning_rate=0.1 probe_samples=2 divide_by=nothing"


@pytest.mark.parametrize("options", ["", OPTIONS])
def test_the_legend_lies_within_the_picture_and_on_no_panel(tmp_path: Path, options) -> None:
    write_outcome(comparison(), tmp_path, {})
    text = (tmp_path / "compare.json").read_text(encoding="utf-8")
    for arm in json.loads(text)["arms"]:
        text = text.replace(f'"{arm}"', f'"{arm}{options}"')
    outcome = json.loads(text)
    with drawing():
        figure = comparison_figure(outcome)
        figure.draw_without_rendering()
        (legend,) = figure.legends
        shown = legend.get_window_extent()
        titles = [axes.title.get_window_extent() for axes in figure.axes]
    assert [text.get_text() for text in legend.get_texts()] == ["base", *outcome["arms"]]
    assert shown.x0 >= 0
    assert shown.x1 <= figure.bbox.x1
    assert shown.y1 <= figure.bbox.y1
    assert all(shown.y0 >= title.y1 for title in titles)
