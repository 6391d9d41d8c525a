"""`mft report`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import running
from helpers.made_up_comparisons import comparison
from helpers.made_up_runs import write_run
from helpers.many_commands import run_many
from mft_core.comparison.writing import write_outcome


def printed(capsys: pytest.CaptureFixture[str], folder: Path) -> dict[str, Any]:
    """What `mft report --json` prints, here: a process of its own is what the other tests begin with."""
    assert running.mft("report", str(folder), "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


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
def test_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", ["completion", "repair"])
    found = printed(capsys, run)
    assert found["tasks"]["completion"]["change"] == -0.5
    assert Path(found["files"]["report"]).exists()


@pytest.mark.slow
def test_a_comparison_is_drawn_and_shown_again_without_torch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_outcome(comparison(), tmp_path, {})
    (shown,) = run_many([["report", str(tmp_path)]], ["torch"])
    assert (shown.code, shown.imported) == (0, []), shown.error
    assert "Difference to mixed; below 0 is better" in shown.output
    assert "1.500" in shown.output
    assert (tmp_path / "compare.png").read_bytes().startswith(b"\x89PNG")
    found = printed(capsys, tmp_path)
    assert found["against_reference"]["famo"]["lower"] == ["add", "unknown"]
    assert Path(found["files"]["picture"]).exists()


@pytest.mark.slow
def test_a_comparison_that_is_not_complete_says_so(
    tmp_path: Path, mft: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "mixed" / "seed-0").mkdir(parents=True)
    (tmp_path / "mixed" / "seed-0" / "recipe.toml").touch()
    shown = mft("report", str(tmp_path))
    assert shown.returncode == 2
    assert "when all its runs have ended" in shown.stderr


@pytest.mark.slow
def test_a_mistyped_folder_is_suggested(tmp_path: Path, mft: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    write_run(tmp_path / "mine", ["completion"])
    shown = mft("report", str(tmp_path / "mnie"))
    assert shown.returncode == 2
    assert f"Did you mean {tmp_path / 'mine'}?" in " ".join(shown.stderr.split())


def test_plugin_imports_nothing_heavy() -> None:
    heavy = ("matplotlib", "numpy", "jinja2", "torch")
    code = f"import sys, mft_report, mft_report.command; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
