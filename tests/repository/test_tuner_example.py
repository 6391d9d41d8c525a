"""The tuner of docs/plugins.md as a user takes it: a single file, given with --plugin, and its test."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from safetensors.torch import load_file

from helpers.kits import check_kit_passes
from helpers.paths import REPOSITORY
from helpers.running import arguments, events, mft, settings, write_tasks
from mft_core.support import run_files

TUNE = settings("tune.method=bias", 'tune.ends=["q_proj.bias"]', "train.learning_rate=0.05")


def blocks() -> tuple[str, str]:
    """The tuner and its test."""
    page = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8").partition("## A tuner in 35 lines")[2]
    tuner, test, *_ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return tuner, test


@pytest.mark.slow
def test_it_passes_the_kit_as_the_page_says(tmp_path: Path) -> None:
    tuner, test = blocks()
    assert len([line for line in tuner.splitlines() if line.strip()]) <= 35
    check_kit_passes(tmp_path, "bias_tuner", tuner, test)


@pytest.mark.slow
def test_a_run_with_it_trains_resumes_answers_and_is_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (plugin := tmp_path / "bias_tuner.py").write_text(blocks()[0], encoding="utf-8")
    given = ("--plugin", str(plugin))
    data, run = write_tasks(tmp_path / "data"), tmp_path / "run"
    start = arguments(data, run, "--model", "qwen", "--steps", "2", *TUNE, *given)
    assert mft(*start) == 0, capsys.readouterr().err
    assert mft("run", "--resume", "--output", str(run), "--steps", "4", *given) == 0, capsys.readouterr().err
    first, *_, last = (event["loss"] for event in events(run, "eval"))
    assert last < first
    record = json.loads((run / run_files.FINAL / "mft.json").read_text(encoding="utf-8"))
    assert (record["form"], record["tune"]["method"]) == ("own", "bias")
    assert record["files"] == ["trained.safetensors"]
    names = load_file(run / run_files.FINAL / "trained.safetensors").keys()
    assert all(name.endswith("q_proj.bias") for name in names)
    capsys.readouterr()
    assert mft("eval", str(run), "--on", "loss", "--json", *given) == 0
    out = capsys.readouterr().out
    scores = json.loads(out[out.index("{") :])["results"]
    found = {score["set"]: score["value"] for score in scores if score["metric"] == "loss"}
    expected = {name: task["loss"] for name, task in events(run, "eval")[-1]["tasks"].items()}
    assert found == pytest.approx(expected, rel=1e-5)
    assert mft("export", str(run), "--output", str(tmp_path / "merged"), *given) == 0, capsys.readouterr().err
    assert (tmp_path / "merged" / "model.safetensors").is_file()
    capsys.readouterr()
    assert mft("export", str(run), "--output", str(tmp_path / "adapter"), "--format", "adapter", *given) != 0
    assert "what its tuner alone loads, no adapter" in " ".join(capsys.readouterr().err.split())
    plugin.rename(tmp_path / "moved.py")
    assert mft("export", str(run), "--output", str(tmp_path / "again")) != 0
    assert "tuner 'bias'" in " ".join(capsys.readouterr().err.split())
