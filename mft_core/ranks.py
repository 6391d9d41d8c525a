"""Which of the processes that `torchrun` or `accelerate launch` started this one is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def is_main_rank() -> bool:
    """Whether this process writes and prints; True without a launcher."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def main_rank_first() -> Iterator[None]:
    """The main rank passes first, so that the others find its downloads and caches ready."""
    if "RANK" not in os.environ:
        yield
        return
    from accelerate import PartialState

    with PartialState().main_process_first():
        yield
