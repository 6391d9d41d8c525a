"""Charts of a run, and how they are drawn."""

from __future__ import annotations

import re
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest

from helpers.made_up_runs import write_run
from mft_board.charts import MOST_POINTS, Chart, Curve, draw, thinned, ticks
from mft_board.curves import charts, drawn, legend, token_shares
from mft_core.run.history import History, history
from mft_core.run.results import load_events


def history_of(folder: Path, tasks: list[str], **settings: int) -> History:
    return history(tasks, load_events(write_run(folder, tasks, **settings)))


def test_every_chart_is_a_picture_with_a_line_for_each_task(tmp_path: Path) -> None:
    shown = charts(history_of(tmp_path / "run", ["a", "b"]), 60)
    assert [chart.title for chart in shown] == [
        "Training loss", "Validation loss", "Relative to the start", "Task weights", "Share of supervised tokens",
        "Speed",
    ]  # fmt: skip
    for chart, picture in zip(shown, drawn(shown, 60), strict=True):
        element = xml.etree.ElementTree.fromstring(picture)
        assert len(element.findall("polyline")) == len(chart.curves)
    assert [curve.label for curve in shown[1].curves] == ["a", "b"]
    np.testing.assert_allclose(shown[2].curves[0].values[-1], 50.0)


def test_of_many_tasks_there_are_bands_and_the_extremes(tmp_path: Path) -> None:
    many = history_of(tmp_path / "run", [f"t{number}" for number in range(300)])
    chart = charts(many, 60)[1]
    assert len(chart.bands) == 2
    assert len(chart.curves) == 7
    assert legend(many)[0].label == "gained most: t0"
    assert sum(map(len, drawn(charts(many, 60), 60))) < 200_000


def test_the_share_of_tokens_is_of_all_so_far(tmp_path: Path) -> None:
    shares = token_shares(history_of(tmp_path / "run", ["a", "b", "c"]))
    np.testing.assert_allclose(shares[-1, 1:], [20 / 50, 30 / 50])
    assert np.isnan(shares[:, 0]).all()  # it was never trained


def test_names_are_text_and_never_markup() -> None:
    curve = Curve("</title><script>x</script>", np.array([0, 1]), np.array([1.0, 2.0]), '"><b>')
    picture = draw(Chart("<b>", "<i>", [curve], marks=[(1, "<u>")]), 1)
    xml.etree.ElementTree.fromstring(picture)
    assert not re.search("<(script|b|i|u)>", picture)


def test_nothing_measured_is_said_and_one_value_is_drawn() -> None:
    nothing = Chart("t", "", [Curve("a", np.array([0]), np.array([np.nan]))])
    assert "nothing measured yet" in draw(nothing, 10)
    for value in (0.0, 3.0, -1e-12):
        assert "polyline" in draw(Chart("t", "", [Curve("a", np.array([0]), np.array([value]))]), 1)


def test_two_pictures_have_one_scale_where_they_are_beside_each_other() -> None:
    low, high = (Chart("t", "", [Curve("a", np.array([0, 9]), np.array(ends))]) for ends in ([0.0, 1.0], [5.0, 9.0]))
    one, other = drawn([low], 9, [high])[0], drawn([high], 9, [low])[0]
    assert re.findall(r'class="left".*?>(.*?)<', one) == re.findall(r'class="left".*?>(.*?)<', other)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 1, ["0.0", "0.5", "1.0"]),
        (1.91, 2.09, ["1.95", "2.00", "2.05"]),
        (0, 50_000, ["0", "20k", "40k"]),
        (-3e-7, 3e-7, ["-2.0e-07", "0.0e+00", "2.0e-07"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, words: list[str]) -> None:
    assert [text for _, text in ticks(low, high, 3)] == words


def test_thinning_keeps_both_ends() -> None:
    steps, values = thinned(np.arange(10_000), np.arange(10_000.0))
    assert (len(steps), steps[0], steps[-1], values[-1]) == (MOST_POINTS, 0, 9999, 9999)
