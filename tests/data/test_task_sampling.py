"""What a task says of its own samples holds for it alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.running import mft
from helpers.token_data import pair, prepare, task_file
from mft_core.records import TaskFiles
from mft_core.support.reading import TaskSampling


def test_caps_and_shares_of_one_task(tmp_path: Path) -> None:
    said = {"own": TaskSampling(10, 0.5), "common": TaskSampling(), "all": TaskSampling(max_samples=0)}
    files = [
        TaskFiles(name, (task_file(tmp_path / f"{name}.jsonl", [pair(number) for number in range(40)]),), sampling=own)
        for name, own in said.items()
    ]
    own, common, whole = prepare(files, tmp_path / "cache", max_samples=25, valid_fraction=0.1)
    assert (len(own.train), len(own.valid), own.report.left_out) == (10, 10, 20)
    assert (len(common.train), len(common.valid), common.report.left_out) == (25, 4, 11)
    assert (len(whole.train), len(whole.valid), whole.report.left_out) == (36, 4, 0)


def test_a_recipe_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task_file(tmp_path / "a.jsonl", [pair(number) for number in range(40)])
    recipe = tmp_path / "recipe.toml"
    task = '[[data.tasks]]\nname = "{}"\ntrain = "a.jsonl"\n{}'
    tasks = task.format("a", "max_samples = 5\n") + task.format("b", "")
    recipe.write_text(tasks, encoding="utf-8")
    assert mft("check", str(recipe), "--model", "llama", "--set", "model.dtype=float32", "--json") == 0
    out = capsys.readouterr().out
    data = json.loads(out[out.index("{") :])["data"]
    assert (data["a"]["train"], data["b"]["train"]) == (5, 38)
