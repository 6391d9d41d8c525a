"""Cheap mistakes are answered before anything slow is imported, and in our words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.running import write_tasks

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from mft_cli.app import run_command_line
code = run_command_line(sys.argv[1:])
print(code, "torch" in sys.modules)
"""
RUN = ["run", "--model", "llama", "--data", "data"]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, and a folder that is in the way."""
    folder = tmp_path_factory.mktemp("workplace")
    write_tasks(folder / "data")
    (folder / "taken").mkdir()
    (folder / "taken" / "recipe.toml").touch()
    (folder / "taken" / "metrics.jsonl").write_text('{"event": "train", "step": 1}\n')
    (folder / "recipe.toml").write_text("[train]\nstpes = 3\n")
    return folder


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ([*RUN, "--loss", "famoo"], "famo"),
        ([*RUN, "--loss", "famo", "--set", "loss.evry=2"], "every"),
        ([*RUN, "--set", "train.stepz=3"], "train.steps"),
        (["run", "recipe.toml"], "steps"),
        ([*RUN, "--set", "data.packer.foo=1"], "foo"),
        ([*RUN, "--set", "tune.method=lorra"], "lora"),
        ([*RUN, "--output", "taken"], "--resume"),
        ([*RUN, "--set", 'data.include=["cpoy"]'], "copy"),
        ([*RUN, "--model", "lama"], "llama"),
        (["run", "--data", "data"], "--model"),
        (["run", "--model", "llama", "--data", "dada"], "dada"),
        (["check", "--model", "llama", "--data", "dada"], "dada"),
        (["prepare", *RUN[1:], "--output", "taken"], "taken"),
        (["compare", *RUN[1:], "--arms", "single,famoo"], "famo"),
        (["compare", *RUN[1:], "--arms", "mixed,famo", "--set", "loss.evry=2"], "evry"),
        (["compare", *RUN[1:], "--unseen", "cpoy"], "copy"),
        (["eval", "takne"], "taken"),
        (["eval", "taken", "--on", "humanevl"], "humaneval"),
        (["export", "takne", "--output", "new"], "taken"),
        (["export", "taken", "--output", "data"], "--output"),
        (["export", "taken", "--output", "new", "--format", "adaptor"], "adapter"),
        (["export", "taken", "--output", "new", "--dtype", "float33"], "float32"),
        (["generate", "takne", "--prompt", "x"], "taken"),
        (["chat", "takne"], "taken"),
    ],
)
def test_a_cheap_mistake_needs_no_torch(command: list[str], expected: str, workplace: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command], cwd=workplace, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "2 False", done.stderr
    assert expected in done.stderr
    assert "--debug" not in done.stderr
