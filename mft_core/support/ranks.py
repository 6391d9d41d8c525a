"""Processes that `torchrun` or `accelerate launch` started: which one this is, and what all of them know."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from accelerate import PartialState

T = TypeVar("T")


def is_main_rank() -> bool:
    """Whether this process writes and prints; True without a launcher."""
    return os.environ.get("RANK", "0") == "0"


def launched_ranks() -> int:
    """How many processes a launcher started; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def main_rank_first() -> Iterator[None]:
    """The main rank passes first, so that the others find its downloads and caches ready."""
    if "RANK" not in os.environ:
        yield
        return
    with process_state().main_process_first():
        yield


def process_state() -> PartialState:
    """Accelerate's view of this process: its device, its rank; starts the process group under a launcher."""
    import torch
    from accelerate import PartialState

    # Accelerate joins CPU processes to a group only when told that it is to work on the CPU.
    return PartialState(cpu=not torch.accelerator.is_available())


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
