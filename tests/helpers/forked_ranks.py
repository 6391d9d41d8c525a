"""Ranks that are forked from one process: to import what they need takes each of them longer than to train."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import wait


def run_on_ranks(ranks: int, work: Callable[[], object], machines: int = 1) -> None:
    """Call `work` in so many processes, told who they are as by torchrun.

    They are told that they run on so many machines: as many on each, or fewer on the last.

    What `work` needs is to be imported before; torch must not have started a thread yet.

    Raises:
        RuntimeError: one of them failed; the others have been ended.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(-(-ranks // machines))}
    processes = {}
    for rank in range(ranks):
        process = get_context("fork").Process(target=_be_rank, args=(rank, shared, work))
        process.start()
        processes[process.sentinel] = process
    while processes:
        for sentinel in wait(list(processes)):
            process = processes.pop(sentinel)
            process.join()
            if process.exitcode:
                for other in processes.values():
                    other.kill()
                raise RuntimeError(f"a rank ended with {process.exitcode}")


def _be_rank(rank: int, shared: dict[str, str], work: Callable[[], object]) -> None:
    from torch.distributed import destroy_process_group, is_initialized

    here = rank % int(shared["LOCAL_WORLD_SIZE"])
    os.environ.update(shared, RANK=str(rank), LOCAL_RANK=str(here))
    work()
    if is_initialized():
        destroy_process_group()
