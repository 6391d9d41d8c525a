"""A judge that is killed leaves no program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mft_core.sandbox import Tier
from mft_core.sandbox.processes import all_processes


def test_killed_judge_leaves_no_program(tier: Tier) -> None:
    """kill -9 of the process that judges ends the sandboxes, daemons included."""
    program = """
import os, sys, tempfile, time
from mft_core.sandbox import Limits, run_program
from mft_core.sandbox.tiers import BUBBLEWRAP, LANDLOCK
tempfile.tempdir = sys.argv[2]
tier = {"bubblewrap": BUBBLEWRAP, "landlock": LANDLOCK}[sys.argv[1]]
source = "import os, time\\nif not os.fork(): os.setsid()\\nopen('mark-' + 'mft', 'w')\\ntime.sleep(300)"
run_program(["python3", "-c", source, sys.argv[2]], limits=Limits(seconds=300), tier=tier)
"""
    folder = tempfile.mkdtemp(prefix="mft-judge-")
    Path(folder).chmod(0o755)
    mark = os.fsencode(folder)
    with subprocess.Popen([sys.executable, "-c", program, tier.name, folder]) as judge:
        _wait_until(lambda: len(_with_argument(mark)) >= 3)
        judge.send_signal(signal.SIGKILL)
    _wait_until(lambda: not _with_argument(mark))
    subprocess.run(["rm", "-rf", folder], check=True)


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


def _wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
