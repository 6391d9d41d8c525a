"""Which of the processes that `torchrun` or `accelerate launch` started this one is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerate import PartialState


def is_main_rank() -> bool:
    """Whether this process writes and prints; True without a launcher."""
    return os.environ.get("RANK", "0") == "0"


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
