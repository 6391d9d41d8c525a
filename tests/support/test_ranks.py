"""Processes that a launcher started; tests/end_to_end/test_ranks.py starts several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mft_core.support.ranks import (
    RankPlace,
    agreed,
    from_main_rank,
    gather,
    is_main_rank,
    once_per_cache,
    rank_and_ranks,
    rank_place,
)

SCRIPT = """
import os
from mft_core.support.ranks import agreed, from_main_rank, gather, is_main_rank, rank_and_ranks
rank, ranks = rank_and_ranks()
assert gather({"rank": rank}) == [{"rank": 0}, {"rank": 1}]
assert from_main_rank("said" if rank == 0 else None) == "said"
assert is_main_rank() == (rank == 0)
assert agreed(lambda: rank + 1, OSError) == [1, 2]
try:
    agreed(lambda: open("/none") if rank == 1 else None, OSError)
except OSError as error:
    assert str(error).startswith("rank 1 of 2: ") and "/none" in str(error), error
else:
    raise AssertionError("the other rank's exception is not here")
os.write(1, f"rank {rank} of {ranks}\\n".encode())  # whole: print may write the line end apart
from torch.distributed import destroy_process_group
destroy_process_group()
"""


def test_without_a_launcher_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert is_main_rank()
    assert rank_and_ranks() == (0, 1)
    with once_per_cache("work"):
        assert gather("value") == ["value"]
    assert from_main_rank([1]) == [1]
    monkeypatch.setenv("RANK", "3")
    assert not is_main_rank()


def test_a_launcher_says_where_a_process_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE", "SLURM_LOCALID"):
        monkeypatch.delenv(name, raising=False)
    assert rank_place() == RankPlace(0, 1)
    monkeypatch.setenv("SLURM_LOCALID", "3")
    assert rank_place() == RankPlace(3, 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert rank_place() == RankPlace(1, 2)


def fail() -> None:
    raise ValueError("no room")


def test_what_goes_wrong_on_one_rank_is_an_error_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert agreed(lambda: "value", OSError) == ["value"]
    with pytest.raises(OSError, match=r"^no room$"):
        agreed(fail, ValueError)
    with pytest.raises(ValueError, match="no room"):
        agreed(fail, OSError)


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


ONCE = """
import os, sys, time
from pathlib import Path
from mft_core.support.ranks import once_per_cache
folder = Path(os.environ["MFT_CACHE"])
with once_per_cache("tokenising"):
    assert "torch" not in sys.modules, "a process group may have been started, whose collectives run out of time"
    if not (folder / "made").exists():
        with (folder / "worked").open("a") as stream:
            stream.write(os.environ["RANK"] + "\\n")
        time.sleep(1.5)
        (folder / "made").touch()
"""


@pytest.mark.slow
def test_of_all_that_share_a_cache_one_does_the_work_and_no_group_is_started_for_it(tmp_path: Path) -> None:
    (script := tmp_path / "script.py").write_text(ONCE)
    for caches in (("one", "one"), ("two", "three")):
        agents = [start_agent(script, tmp_path / cache, node) for node, cache in enumerate(caches)]
        assert [agent.wait() for agent in agents] == [0, 0]
    assert len((tmp_path / "one" / "worked").read_text().split()) == 1
    for name in ("two", "three"):
        assert len((tmp_path / name / "worked").read_text().split()) == 1, "once for each file system"


def start_agent(script: Path, cache: Path, node: int) -> subprocess.Popen[bytes]:
    """Two of four ranks, told who they are as by a launcher of each of two machines."""
    cache.mkdir(exist_ok=True)
    ranks = f"""
import os, subprocess, sys
codes = []
for local in (0, 1):
    named = {{"RANK": str(2 * {node} + local), "LOCAL_RANK": str(local), "WORLD_SIZE": "4", "MASTER_PORT": "29500"}}
    codes.append(subprocess.Popen([sys.executable, {str(script)!r}], env={{**os.environ, **named}}))
sys.exit(max(code.wait() for code in codes))
"""
    return subprocess.Popen([sys.executable, "-c", ranks], env={**os.environ, "MFT_CACHE": str(cache)})
