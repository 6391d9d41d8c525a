"""The picture of lengths, of any number of tasks."""

from __future__ import annotations

import io
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.forked_processes import run_to_its_end
from helpers.length_costs import made_up_costs
from helpers.running import mft, settings, write_tasks
from mft_cli.length_picture import MOST_ROWS, bins_shown, by_loss, draw_lengths, picture, place_of
from mft_core.data.record_lengths import UP_TO
from mft_core.errors import MftError
from mft_core.run.length_costs import LengthCosts
from mft_core.support.pictures import drawing

pytestmark = pytest.mark.slow


def costs_of(count: int, overlong: str = "drop") -> LengthCosts:
    names = ["_hidden", "\u4ee3\u7801", *(f"task-{number}" for number in range(count))][:count]
    lost = {name: [min(100, 10 + number), number % 90, number % 30, 0, 0] for number, name in enumerate(names)}
    return made_up_costs(lost, overlong)


def texts(costs: LengthCosts) -> list[str]:
    from matplotlib.text import Text

    with drawing():
        figure = picture(costs)
        figure.draw_without_rendering()
        return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


@pytest.mark.parametrize("count", [1, 7, 24, 100])
def test_tasks_are_named_and_the_picture_is_filled(tmp_path: Path, count: int) -> None:
    costs = costs_of(count)
    said = texts(costs)
    assert set(costs.histograms) <= set(said)
    draw_lengths(costs, tmp_path / "lengths.png")
    with Image.open(tmp_path / "lengths.png") as drawn:
        assert (drawn.format, drawn.width) == ("PNG", 1650)
        assert 600 < drawn.height < 3000
        pixels = np.asarray(drawn.convert("L"))
    assert (pixels.min(axis=0) != pixels.max(axis=0)).mean() > 0.9
    assert (pixels.min(axis=1) != pixels.max(axis=1)).mean() > 0.75


def test_of_very_many_tasks_those_that_lose_most_are_shown() -> None:
    costs = costs_of(130)
    said = texts(costs)
    assert any(f"{MOST_ROWS} of 130 tasks" in text for text in said)
    shown = [name for name in costs.histograms if name in said]
    assert set(shown) == set(by_loss(costs)[:MOST_ROWS])
    assert costs.own.tasks[by_loss(costs)[0]].lost_share == max(task.lost_share for task in costs.own.tasks.values())


def test_cut_records_are_called_so() -> None:
    assert any("Records dropped or cut" in text for text in texts(costs_of(2, "truncate")))
    assert not any("cut" in text for text in texts(costs_of(2)))


def test_a_length_lies_where_its_bin_ends() -> None:
    bins = range(2, len(UP_TO) + 1)
    assert place_of(96, bins) == 0.5
    assert place_of(64, bins) == -0.5
    assert place_of(1280, bins) == pytest.approx(place_of(1024, bins) + 0.5)
    assert place_of(10**6, bins) == len(bins) - 0.5


def test_the_axis_holds_every_record_and_the_limit() -> None:
    costs = costs_of(3)
    used = np.flatnonzero(sum(histogram.records for histogram in costs.histograms.values()))
    assert set(used) <= set(bins_shown(costs))
    assert UP_TO.index(1024) in bins_shown(costs)


def test_an_svg(tmp_path: Path) -> None:
    draw_lengths(costs_of(2), tmp_path / "lengths.SVG")
    assert "<svg" in (tmp_path / "lengths.SVG").read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MftError, match="cannot be written"):
        draw_lengths(costs_of(1), tmp_path / "file" / "lengths.png")


def test_check_draws_where_it_is_asked_to(tmp_path: Path, capsys) -> None:
    data, target = write_tasks(tmp_path / "data"), tmp_path / "lengths.png"
    command = ["check", "--model", "llama", "--data", str(data), *settings("model.dtype=float32")]
    assert mft(*command, "--picture", str(target)) == 0
    assert str(target) in capsys.readouterr().out
    with Image.open(io.BytesIO(target.read_bytes())) as drawn:
        assert drawn.format == "PNG"
    assert mft(*command, "--picture", str(target), "--json") == 0
    out = capsys.readouterr().out
    assert json.loads(out[out.index("{") :])["lengths"]["picture"] == str(target)


def test_without_a_picture_nothing_that_draws_is_imported(tmp_path: Path) -> None:
    data = write_tasks(tmp_path / "data")
    run_to_its_end(partial(check_without_drawing, data))


def check_without_drawing(data: Path) -> None:
    assert mft("check", "--model", "llama", "--data", str(data), *settings("model.dtype=float32")) == 0
    assert "matplotlib" not in sys.modules
