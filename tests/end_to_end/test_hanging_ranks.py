"""A process of a run that is stopped is named by the other, which ends, and the run can go on."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from helpers.forked_processes import ForkedProcess
from helpers.running import arguments, be_mft, events, largest_difference, mft, settings, wait_for_step, weights
from helpers.workers import run_commands_on
from mft_core.support import run_files

LIMIT = 6
"""Seconds; the watch looks four times meanwhile, which a busy machine must get to."""
FLAGS = [
    "--epochs", "4",
    *settings("model.dtype=float64", "tune.dropout=0", "train.save_every=1", f"train.hang_limit={LIMIT}"),
]  # fmt: skip


@pytest.fixture
def ranks() -> Iterator[list[ForkedProcess]]:
    """Processes put into it do not outlive the test, stopped or not."""
    started: list[ForkedProcess] = []
    yield started
    for process in started:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()


def start(work: Callable[[], object]) -> list[ForkedProcess]:
    """Two ranks without a launcher, which would end the one that is stopped."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [ForkedProcess(partial(be_rank, rank, port, work)) for rank in range(2)]


def be_rank(rank: int, port: int, work: Callable[[], object]) -> None:
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ.update(shared, RANK=str(rank), LOCAL_RANK=str(rank), OMP_NUM_THREADS="1")
    work()


@pytest.mark.parametrize("stopped", [0, 1])
def test_a_stopped_rank_is_named_the_other_ends_and_the_run_goes_on(data, tmp_path, ranks, stopped) -> None:
    run, alone = tmp_path / "run", tmp_path / "alone"
    command = arguments(data, run, *FLAGS)
    ranks += start(partial(be_mft, command))
    wait_for_step(ranks[1 - stopped], run, 2)
    os.kill(ranks[stopped].pid, signal.SIGSTOP)
    text, _ = ranks[1 - stopped].communicate()
    assert ranks[1 - stopped].returncode == 1, text
    assert f"rank {stopped} of 2 hangs" in text
    assert f"process {ranks[stopped].pid} on {socket.gethostname()} gave no sign of life" in text
    assert f"--resume --output {run}" in text
    os.kill(ranks[stopped].pid, signal.SIGKILL)
    ranks[stopped].communicate()
    run_commands_on(2, [*command, "--resume"])
    assert len(events(run, "resume")) == 1
    assert not (run / run_files.LIFE_SIGNS).exists()
    assert mft(*arguments(data, alone, *FLAGS)) == 0
    assert largest_difference(weights(run), weights(alone)) < 1e-9
