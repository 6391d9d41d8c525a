"""Who is taken for hanging, on real processes; tests/end_to_end/test_hanging_ranks.py stops those of a run."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from helpers.forked_processes import ForkedProcess
from mft_core.run.rank_watch import RankWatch
from mft_core.support.ranks import gather, rank_and_ranks

pytestmark = pytest.mark.slow
LIMIT = 4.0
LONG = 2 * LIMIT
"""Seconds that the second rank keeps the first one waiting."""


def sleeping() -> None:
    time.sleep(LONG)


def sleeping_for_ever() -> None:
    time.sleep(600)


def computing() -> None:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        sum(range(10_000))


def be_rank(rank: int, port: int, folder: Path, work: Callable[[], None], trains: bool, limit: float) -> None:
    """The second rank works alone while the first one waits for it in a collective."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ.update(shared, RANK=str(rank), LOCAL_RANK=str(rank), OMP_NUM_THREADS="1")
    assert rank_and_ranks() == (rank, 2)
    with RankWatch(folder / "signs", limit, lambda: (7, trains), lambda: "go on with --resume"):
        if rank == 1:
            work()
        assert gather("done") == ["done", "done"]
    gather("left")
    assert not (folder / "signs").exists()


def ended(folder: Path, work: Callable[[], None], trains: bool, limit: float = LIMIT) -> list[tuple[int | None, str]]:
    """The exit codes and outputs of both ranks."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [ForkedProcess(partial(be_rank, rank, port, folder, work, trains, limit)) for rank in range(2)]
    texts = [rank.communicate()[0] for rank in ranks]
    return [(rank.returncode, text) for rank, text in zip(ranks, texts, strict=True)]


def test_a_rank_whose_main_thread_is_stuck_in_a_step_is_named_and_ends_too(tmp_path: Path) -> None:
    for code, text in ended(tmp_path, sleeping_for_ever, trains=True):
        assert code == 1, text
        assert "rank 1 of 2 hangs in step 8, at " in text
        assert f"{Path(__file__).name}:" in text, "it says where the main thread is"
        assert f"on {socket.gethostname()} did not get on, while others wait for it" in text
        assert text.rstrip().endswith("go on with --resume")


@pytest.mark.parametrize(
    ("work", "trains", "limit"),
    [(sleeping, False, LIMIT), (computing, True, LIMIT), (sleeping, True, 0)],
    ids=["between steps", "computing in a step", "no limit"],
)
def test_work_that_takes_long_is_waited_for(tmp_path: Path, work, trains, limit) -> None:
    for code, text in ended(tmp_path, work, trains, limit):
        assert code == 0, text


def test_one_process_watches_nobody(tmp_path: Path) -> None:
    with RankWatch(tmp_path / "signs", LIMIT, lambda: (0, True), str) as watch:
        assert watch.verdict() is None
        assert not (tmp_path / "signs").exists()
