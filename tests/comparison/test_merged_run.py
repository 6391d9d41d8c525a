"""Whether a combination is of the adapters as they are; tests/end_to_end/test_compare_arms.py makes whole ones."""

from __future__ import annotations

import json
from pathlib import Path

from mft_core.comparison.arms import Merging
from mft_core.comparison.merged_run import is_current
from mft_core.events import EventLog
from mft_core.tuning.combining import MergeOptions
from mft_core.tuning.fingerprint import ADAPTER_CONFIG, ADAPTER_WEIGHTS, model_fingerprint


def adapter(run: Path, weights: bytes) -> Path:
    """A run whose result is an adapter, as far as its fingerprint goes."""
    (run / "final").mkdir(parents=True, exist_ok=True)
    (run / "final" / ADAPTER_CONFIG).write_text(json.dumps({"r": 4}))
    (run / "final" / ADAPTER_WEIGHTS).write_bytes(weights)
    return run


def test_a_combination_is_made_again_where_an_adapter_came_out_otherwise(tmp_path: Path) -> None:
    sources = {"add": adapter(tmp_path / "add", b"1"), "sort": adapter(tmp_path / "sort", b"2")}
    merging, run = Merging(MergeOptions(), sources), tmp_path / "merged"
    assert not is_current(run, merging)
    run.mkdir()
    adapters = {task: model_fingerprint(folder) for task, folder in sources.items()}
    EventLog(run).emit("merge", 1, adapters=adapters)
    assert is_current(run, merging)
    adapter(tmp_path / "sort", b"3")
    assert not is_current(run, merging)
    adapter(tmp_path / "sort", b"2")
    assert is_current(run, merging)
    assert not is_current(run, Merging(MergeOptions(), {"add": sources["add"]}))
    (tmp_path / "add" / "final").rename(tmp_path / "gone")
    assert not is_current(run, merging)
