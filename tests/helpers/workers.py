"""`mft` commands one after the other in one process, since to start one takes longer than to train."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from helpers.command_worker import run_all
from helpers.forked_processes import run_to_its_end
from helpers.forked_ranks import run_on_ranks
from helpers.paths import REPOSITORY


def run_commands_on(ranks: int, *commands: Sequence[str], machines: int = 1) -> None:
    """Give commands to one process on each of so many ranks, which are told that they are on so many machines."""
    run_to_its_end(partial(run_on_ranks, ranks, partial(run_all, commands), machines))


def run_commands_in(place: Path, environment: Mapping[str, str], *commands: Sequence[str]) -> None:
    """Give commands to a new interpreter, which reads its environment as it starts."""
    words = [word for command in commands for word in ("then", *command)][1:]
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "tests" / "helpers" / "command_worker.py"), *words],
        env={**environment, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY / "tests")},
        cwd=place,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
