"""Processes that `torchrun` or `accelerate launch` started: which one this is, and what all of them know."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mft_core.support.lease import DEAD, POLL, leased, sign_of_life
from mft_core.support.paths import cache_folder

if TYPE_CHECKING:
    from accelerate import PartialState

T = TypeVar("T")

COLLECTIVE_LIMIT = timedelta(hours=1)
"""How long a collective may wait. Others wait in one while a process alone tests answers or writes a checkpoint, which
takes longer than the ten minutes of NCCL; runs notice by themselves who hangs (`mft_core.run.rank_watch`)."""
KEPT = 86_400.0
"""Seconds for which it is known that a launch has filled the cache."""


@dataclass(frozen=True, slots=True)
class RankPlace:
    """Where a process runs, as its launcher tells it.

    Attributes:
        rank: its number on its machine.
        ranks: how many run there; 1 where the launcher does not say.
    """

    rank: int
    ranks: int


def is_main_rank() -> bool:
    """Whether this process writes and prints; True without a launcher."""
    return os.environ.get("RANK", "0") == "0"


def launched_ranks() -> int:
    """How many processes a launcher started; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def once_per_cache(what: str) -> Iterator[None]:
    """For work that fills the cache: one process does it for all that share the folder, the others find it done.

    The first process of every machine goes through, one machine after the other, and then its other ones at once. No
    collective is waited in and no process group is started, so none runs out of time, however long the work takes.

    Args:
        what: identifies the work; the same on every rank.
    """
    if "RANK" not in os.environ:
        yield
        return
    folder = cache_folder("once")
    key = hashlib.sha256(what.encode()).hexdigest()[:32]
    # The launcher's process is the same for all ranks of a machine, and another one at the next start.
    launch = f"{socket.gethostname()}-{os.getppid()}-{os.environ.get('MASTER_PORT', '')}"
    lease, done = folder / f"{key}.lease", folder / f"{key}-{launch}.done"
    if _local_rank() == 0:
        with leased(lease):
            yield
            done.touch()
            _remove_old(folder)
        return
    _wait_for(done, lease)
    yield


def rank_place() -> RankPlace:
    """This process's place on its machine."""
    return RankPlace(_local_rank(), max(1, int(os.environ.get("LOCAL_WORLD_SIZE") or 1)))


def _local_rank() -> int:
    """This process's number on its machine."""
    return int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or 0)


def _remove_old(folder: Path) -> None:
    """What earlier launches left."""
    for path in folder.glob("*.done"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > KEPT:
                path.unlink()


def _wait_for(done: Path, lease: Path) -> None:
    """Wait for the machine's first process, as long as somebody is at work and for a while before anybody is."""
    seen, since = sign_of_life(lease), time.monotonic()
    while not done.exists() and time.monotonic() - since < DEAD:
        if (state := sign_of_life(lease)) != seen:
            seen, since = state, time.monotonic()
        time.sleep(POLL)


def process_state() -> PartialState:
    """Accelerate's view of this process: its device, its rank; starts the process group under a launcher."""
    import torch
    from accelerate import PartialState

    # Accelerate joins CPU processes to a group only when told that it is to work on the CPU.
    return PartialState(cpu=not torch.accelerator.is_available(), timeout=COLLECTIVE_LIMIT)


def rank_and_ranks() -> tuple[int, int]:
    """This process's number and how many there are."""
    state = process_state()
    return state.process_index, state.num_processes


def gather(value: T) -> list[T]:
    """Every rank's value, in the order of ranks, on every rank."""
    if process_state().num_processes == 1:
        return [value]
    from accelerate.utils import gather_object

    return gather_object([value])


def from_main_rank(value: T | None) -> T:
    """The main rank's value, on every rank."""
    return gather(value)[0]  # type: ignore[return-value]


def agreed(work: Callable[[], T], *expected: type[Exception]) -> list[T]:
    """What `work` gives on every rank, in the order of ranks, on every rank; to be called on all of them.

    Args:
        expected: exceptions that end it on all ranks alike; any other one leaves the rest waiting for this rank.

    Raises:
        OSError: one of them was raised somewhere; the message says on which rank, and what.
    """
    found: tuple[T | None, str | None]
    try:
        found = work(), None
    except expected as error:
        found = None, str(error)
    every = gather(found)
    for rank, (_, problem) in enumerate(every):
        if problem is not None:
            raise OSError(f"rank {rank} of {len(every)}: {problem}" if len(every) > 1 else problem)
    return [value for value, _ in every]  # type: ignore[misc]
