"""Threads: as many as a process may use, shared by the ranks of a machine, unless somebody has decided."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mft_core.support.threads import allowed_processors

PROGRAM = "import torch; from mft_core.support import threads; print(torch.get_num_threads(), threads.set_threads())"


def threads_in_a_new_process(**environment: str) -> tuple[int, int]:
    """(torch's own choice, ours) with these variables and without OMP_NUM_THREADS otherwise."""
    inherited = {key: value for key, value in os.environ.items() if key not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env={**inherited, **environment}, capture_output=True, text=True, check=True)
    own, ours = map(int, done.stdout.split())
    return own, ours


@pytest.mark.slow
def test_ranks_of_a_machine_share_its_processors() -> None:
    own, ours = threads_in_a_new_process()
    assert ours == min(own, allowed_processors())
    assert threads_in_a_new_process(LOCAL_WORLD_SIZE="2")[1] == min(own, max(1, allowed_processors() // 2))
    assert threads_in_a_new_process(LOCAL_WORLD_SIZE="999")[1] == 1


@pytest.mark.slow
def test_who_says_how_many_gets_as_many() -> None:
    own, ours = threads_in_a_new_process(OMP_NUM_THREADS="2", LOCAL_WORLD_SIZE="2")
    assert ours == own == min(2, os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("limit", "expected"), [("max 100000", 10**9), ("150000 100000", 1), ("50000 100000", 1), ("nonsense", 10**9)]
)
def test_a_containers_limit_counts(limit, expected, tmp_path: Path) -> None:
    visible = allowed_processors(tmp_path / "no such file")
    (tmp_path / "cpu.max").write_text(limit)
    assert allowed_processors(tmp_path / "cpu.max") == min(visible, expected)
