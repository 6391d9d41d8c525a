"""Calls something on ranks and writes what memory of its own each took at most: FOLDER/<rank>, in bytes.

Of their own: anonymous pages (`RssAnon`), less those that were there before. Pages of mapped files are the machine's.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Thread

from helpers.forked_ranks import run_on_ranks

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
EVERY = 0.005


def measure_ranks(ranks: int, work: Callable[[], object], folder: Path) -> None:
    """Each of them."""
    run_on_ranks(ranks, partial(_measure, work, folder))


def _measure(work: Callable[[], object], folder: Path) -> None:
    # What is freed is given back at once: else the allocator keeps several times of what is in use.
    for setting in (TRIM_THRESHOLD, MMAP_THRESHOLD):
        ctypes.CDLL("libc.so.6").mallopt(setting, 2**16)
    before, ended, seen = own_memory(), Event(), [0]

    def watch() -> None:
        while not ended.wait(EVERY):
            seen.append(max(seen.pop(), own_memory()))

    watching = Thread(target=watch)
    watching.start()
    work()
    ended.set()
    watching.join()
    (folder / os.environ["RANK"]).write_text(str(seen[0] - before), encoding="utf-8")


def own_memory() -> int:
    """Bytes of this process's anonymous pages now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
