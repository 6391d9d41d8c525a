"""A board on a few runs, that really listens."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.made_up_affinities import log_affinities
from helpers.made_up_comparisons import comparison
from helpers.made_up_runs import write_run
from mft_core.comparison.affinity import Found
from mft_core.comparison.writing import write_outcome
from mft_core.events import EventLog

pytest.importorskip("starlette", reason="the extra `board` is not installed")
pytest.importorskip("uvicorn", reason="the extra `board` is not installed")

CHINESE = ("代码补全", "代码修复", "text2sql")
HOSTILE = ("<img src=x onerror=alert(2)>", "\"'><script>alert(3)</script>")
HOSTILE_FOLDER = "<script>alert(1)<"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ended run with Chinese names, a running one, one that was killed, a hostile one, and a comparison."""
    root = tmp_path_factory.mktemp("board")
    done = write_run(root / "中文运行", CHINESE)
    EventLog(done).emit("warning", 40, message="代码修复 stalls")
    log_affinities(done, CHINESE)
    write_run(root / "running", ["add", "sub"], end=False)
    killed = write_run(root / "killed", ["add"], end=False)
    os.utime(killed / "metrics.jsonl", (time.time() - 3600,) * 2)
    write_run(root / HOSTILE_FOLDER, HOSTILE)
    (root / "compared").mkdir()
    write_outcome(comparison(), root / "compared", {}, made_up_affinity(done))
    return root


def made_up_affinity(run: Path) -> Found:
    """What a run measured, as of the arm "mixed"."""
    from mft_core.run.affinity_words import affinity_as_json
    from mft_core.run.results import read_run_facts

    affinity = read_run_facts(run).affinity
    assert affinity is not None
    return {"mixed": affinity_as_json(affinity, [])}


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator:
    from helpers.boards import running_board

    with running_board(folder) as running:
        yield running
