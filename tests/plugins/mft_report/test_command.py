"""`mft report`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.made_up_runs import write_run


@pytest.mark.slow
def test_command_redraws_and_prints(tmp_path: Path, mft: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    run = write_run(tmp_path / "run", ["completion", "repair"])
    shown = mft("report", str(run))
    assert shown.returncode == 0, shown.stderr
    assert "completion" in shown.stdout
    assert "-50.0%" in shown.stdout
    assert (run / "curves.png").exists()
    wrong = mft("report", str(tmp_path))
    assert wrong.returncode == 2
    assert "no metrics.jsonl" in wrong.stderr


@pytest.mark.slow
def test_command_prints_json(tmp_path: Path, mft: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    run = write_run(tmp_path / "run", ["completion", "repair"])
    found = json.loads(mft("report", str(run), "--json").stdout)
    assert found["tasks"]["completion"]["change"] == -0.5
    assert Path(found["files"]["report"]).exists()


def test_plugin_imports_nothing_heavy() -> None:
    heavy = ("matplotlib", "numpy", "jinja2", "torch")
    code = f"import sys, mft_report, mft_report.command; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
