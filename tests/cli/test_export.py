"""`mft export`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from helpers.finished_runs import finished

pytestmark = pytest.mark.slow


def test_export_command_reports_what_it_wrote(command: Callable[..., Result], tmp_path: Path) -> None:
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    done = command("export", str(tmp_path / "run"), "--output", str(tmp_path / "out"), "--json")
    facts = json.loads(done.stdout)
    assert facts["folder"] == str(tmp_path / "out")
    assert facts["reload_difference"] < 1e-6
    shown = command("export", str(tmp_path / "run"), "--output", str(tmp_path / "out2"))
    assert str(tmp_path / "out2") in shown.stdout.replace("\n", "")
    assert "logits differ by" in shown.stdout
