"""Processes that a launcher started; tests/end_to_end/test_ranks.py starts several."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mft_core.support.ranks import from_main_rank, gather, is_main_rank, main_rank_first, rank_and_ranks

SCRIPT = """
import os
from mft_core.support.ranks import from_main_rank, gather, is_main_rank, main_rank_first, process_state, rank_and_ranks
rank, ranks = rank_and_ranks()
order = []
with main_rank_first():
    order.append(rank)
assert gather({"rank": rank}) == [{"rank": 0}, {"rank": 1}]
assert from_main_rank("said" if rank == 0 else None) == "said"
assert is_main_rank() == (rank == 0)
os.write(1, f"rank {rank} of {ranks}\\n".encode())  # whole: print may write the line end apart
from torch.distributed import destroy_process_group
destroy_process_group()
"""


def test_without_a_launcher_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert is_main_rank()
    assert rank_and_ranks() == (0, 1)
    with main_rank_first():
        assert gather("value") == ["value"]
    assert from_main_rank([1]) == [1]
    monkeypatch.setenv("RANK", "3")
    assert not is_main_rank()


@pytest.mark.slow
def test_two_processes_know_the_same(tmp_path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(line for line in done.stdout.splitlines() if line.startswith("rank")) == [
        "rank 0 of 2",
        "rank 1 of 2",
    ]
