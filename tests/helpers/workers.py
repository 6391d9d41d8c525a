"""Programs of this folder as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers.paths import REPOSITORY

FOLDER = REPOSITORY / "tests" / "helpers"


def work_on(
    worker: str, *arguments: str, environment: Mapping[str, str] | None = None, place: Path | None = None
) -> None:
    """Run one of them, in this environment or another one, to a good end."""
    given = os.environ if environment is None else environment
    done = subprocess.run(
        [sys.executable, str(FOLDER / worker), *arguments],
        env={**given, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY / "tests")},
        cwd=place,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")


def run_commands_on(
    ranks: int,
    *commands: Sequence[str],
    environment: Mapping[str, str] | None = None,
    place: Path | None = None,
) -> None:
    """Give `mft` commands, one after the other, to one process on each of so many ranks."""
    words = [word for command in commands for word in ("then", *command)][1:]
    work_on("command_worker.py", str(ranks), *words, environment=environment, place=place)
