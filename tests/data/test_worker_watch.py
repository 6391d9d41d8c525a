"""Which workers stand still, and how they ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest

from mft_core.data.worker_watch import WorkerWatch, is_stopped


def sleep_for_long() -> None:
    time.sleep(600)


@pytest.mark.slow
def test_a_stopped_worker_is_seen_until_it_goes_on_and_its_end_is_told() -> None:
    context = multiprocessing.get_context("spawn")
    other = context.Process(target=sleep_for_long, daemon=True)
    other.start()
    watch = WorkerWatch()
    worker = context.Process(target=sleep_for_long, daemon=True)
    worker.start()
    assert worker.pid is not None
    assert other.pid is not None
    try:
        assert watch.look() == []
        for pid in (worker.pid, other.pid):
            os.kill(pid, signal.SIGSTOP)
            os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
        assert is_stopped(other.pid)
        assert watch.look() == [worker.pid]
        watch.kill()
        worker.join()
        assert not is_stopped(worker.pid)
        assert watch.look() == []
        assert watch.ends() == f"process {worker.pid} was killed by SIGKILL"
    finally:
        other.kill()
        other.join()
        worker.kill()


def test_this_process_runs() -> None:
    assert not is_stopped(os.getpid())
