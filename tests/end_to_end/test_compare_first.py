"""The runs of a comparison measure their common base once, and come out as if each had measured it itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from helpers.running import events, mft, settings
from helpers.small_comparisons import compared_in
from mft_core.events import read_events

pytestmark = pytest.mark.usefixtures("in_comparison")
STOPPING = settings("train.eval_every=2", "train.stop=patience", "train.patience=1")
ARMS = ("--arms", "mixed,famo,balanced tune.rank=4,single", "--seeds", "2")
WATCHED = settings('data.tasks=[{name="unknown", role="watch"}]')
COMMAND = ("compare", "recipe.toml", *ARMS, *STOPPING, *WATCHED)
TAKE_TIME = ("seconds", "tokens_per_second", "path")


@pytest.fixture(scope="module")
def compared(comparison: Path) -> Path:
    return compared_in(comparison, *ARMS, *STOPPING, *WATCHED)


def without_times(run: Path) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in event.items() if key not in TAKE_TIME}
        for event in read_events(run / "metrics.jsonl")
    ]


def first_loss(run: Path) -> float:
    return events(run, "eval")[0]["loss"]


@pytest.mark.parametrize("run", ["mixed/seed-0", "famo/seed-1", "balanced+tune.rank=4/seed-1", "single/add/seed-1"])
def test_a_run_comes_out_as_by_itself_to_the_last_bit(compared: Path, tmp_path: Path, run: str) -> None:
    alone = tmp_path / "alone"
    assert mft("run", str(compared / run / "recipe.toml"), "--output", str(alone)) == 0
    assert without_times(alone) == without_times(compared / run)
    assert events(alone, "eval")[0]["step"] == 0
    assert ("watched" in events(alone, "eval")[0]) == (not run.startswith("single"))
    finals = [path.read_bytes() for folder in (compared / run, alone) for path in folder.glob("final/*.safetensors")]
    assert finals[0] == finals[1]


def test_all_runs_on_the_same_tasks_share_one_evaluation(compared: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(compared, output)
    kept = list((output / "base" / "first").iterdir())
    assert len(kept) == 3, "one of all tasks, and one of each alone"
    (path,) = [path for path in kept if len(json.loads(path.read_text())["losses"]["tokens"]) == 2]
    found = json.loads(path.read_text())
    found["losses"]["token_sum"] = [3.0 * count for count in found["losses"]["tokens"]]
    path.write_text(json.dumps(found))
    runs = ("famo/seed-0", "balanced+tune.rank=4/seed-0", "single/add/seed-0")
    for lost in runs:
        shutil.rmtree(output / lost)
    assert mft(*COMMAND, "--output", str(output)) == 0
    assert [first_loss(output / run) for run in runs] == [3.0, 3.0, first_loss(compared / runs[2])]
