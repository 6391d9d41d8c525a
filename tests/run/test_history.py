"""Curves out of events."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from helpers.made_up_runs import write_run
from mft_core.run.history import History, history
from mft_core.run.results import load_events


def test_smoothing_is_a_trailing_mean_over_tokens() -> None:
    nan = math.nan
    shown = History(
        ("a", "b"), np.array([2, 4, 6]), np.array([[4.0, nan], [1.0, 3.0], [nan, 5.0]]),
        np.array([[1.0, 0.0], [1.0, 2.0], [0.0, 6.0]]), np.zeros((3, 2)), {}, np.array([]), np.zeros((0, 2)),
    )  # fmt: skip
    smooth = shown.smoothed(half_life=2)
    expected = [[4.0, nan], [(0.5 * 4 + 1) / 1.5, 3.0], [(0.5 * 4 + 1) / 1.5, (0.5 * 2 * 3 + 6 * 5) / 7]]
    np.testing.assert_allclose(smooth, expected)


def test_history_leaves_gaps_where_nothing_was_measured(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["completion", "repair"])
    found = history(["completion", "repair"], load_events(run))
    assert found.loss.shape == (30, 2)
    assert np.isnan(found.loss[:, 0]).all()
    assert np.isfinite(found.loss[:, 1]).all()
    assert found.eval_steps.tolist() == [0, 20, 40, 60]
    np.testing.assert_allclose(found.relative[-1], [0.5, 1.2])


def test_decisions_have_their_step_and_a_name() -> None:
    left = {"event": "decision", "step": 4, "left_out": ["a", "b"], "from_step": 8, "to_step": 4}
    back = {"event": "decision", "step": 2, "left_out": [], "from_step": 6, "to_step": 2}
    assert history(["a", "b", "c"], [left, back]).decisions == ((4, "without a, b"), (2, "back from 6"))
