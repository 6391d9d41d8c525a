"""curves.png."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.made_up_runs import write_run
from mft_report.files import redraw

pytestmark = pytest.mark.slow


def columns_with_ink(png: bytes) -> float:
    """Share of pixel columns that are not all one colour."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    return float((pixels.min(axis=0) != pixels.max(axis=0)).mean())


@pytest.mark.parametrize("count", [5, 100])
def test_curves_are_a_picture_of_any_number_of_tasks(tmp_path: Path, count: int) -> None:
    run = write_run(tmp_path / "run", [f"task-{index}" for index in range(count)])
    redraw(run)
    with Image.open(run / "curves.png") as picture:
        assert picture.format == "PNG"
        assert picture.width >= 1200
        assert picture.height >= 900
    png = (run / "curves.png").read_bytes()
    assert len(png) > 40_000
    assert columns_with_ink(png) > 0.9
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("steps", [0, 1])
def test_hardly_anything_logged_still_draws(tmp_path: Path, steps: int) -> None:
    run = write_run(tmp_path / "run", ["only"], steps=max(1, steps), every=1, end=bool(steps))
    if not steps:
        lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
        (run / "metrics.jsonl").write_text(lines[0])
    facts = redraw(run)
    assert facts.steps == 1
    assert (facts.after is None) == (steps == 0)
    assert (run / "curves.png").stat().st_size > 10_000
