"""A judge that is killed leaves no program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mft_core.sandbox import Tier
from mft_core.sandbox.processes import all_processes

PROGRAM = """
import os, sys, tempfile, time
from mft_core.sandbox import Limits, run_program
from mft_core.sandbox.tiers import BUBBLEWRAP, LANDLOCK
tempfile.tempdir = sys.argv[2]
tier = {"bubblewrap": BUBBLEWRAP, "landlock": LANDLOCK}[sys.argv[1]]
source = "import os, time\\nif not os.fork(): os.setsid()\\nopen('mark-' + 'mft', 'w')\\ntime.sleep(300)"
run_program(["python3", "-c", source, sys.argv[2]], limits=Limits(seconds=300), tier=tier)
"""


def test_killed_judge_leaves_no_program(tier: Tier, judge_folder: Path) -> None:
    """kill -9 of the process that judges ends the sandboxes, daemons included."""
    _kill_judge(tier, judge_folder, processes=3)


def test_a_judge_killed_while_the_program_starts_leaves_none(tier: Tier, judge_folder: Path) -> None:
    """bwrap's processes are told of their parent's end only when they become the program."""
    for processes in (2, 3) * 6:
        _kill_judge(tier, judge_folder, processes, pause=0.001)


@pytest.fixture
def judge_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mft-judge-"))
    folder.chmod(0o755)
    yield folder
    subprocess.run(["rm", "-rf", folder], check=True)


def _kill_judge(tier: Tier, folder: Path, processes: int, pause: float = 0.05) -> None:
    """Kills it when so many processes, itself among them, can be seen; waits until there is none."""
    mark = os.fsencode(folder)
    with subprocess.Popen([sys.executable, "-c", PROGRAM, tier.name, folder]) as judge:
        _wait_until(lambda: len(_with_argument(mark)) >= processes, pause)
        judge.send_signal(signal.SIGKILL)
    _wait_until(lambda: not _with_argument(mark))


def _with_argument(mark: bytes) -> list[int]:
    """The living processes whose command line has this argument."""
    found = []
    for process in all_processes():
        try:
            if mark in Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0") and not process.dead:
                found.append(process.pid)
        except OSError:
            continue
    return found


def _wait_until(condition: Any, pause: float = 0.05) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(pause)
