"""What each process of a run tells the others about itself, in a small file that all of them see.

Files, and not the store of `torch.distributed`: that one lives in a process, which may be the one that hangs.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

LENGTH = 2048
"""Bytes of a file, always: it is written over in place, which a full disk does not hinder."""


@dataclass(frozen=True, slots=True)
class LifeSign:
    """What a process is at.

    Attributes:
        beat: counts the signs given; it goes on as long as the process is not stopped.
        step: optimizer steps done.
        trains: a step is under way, and not a measurement, a callback or a checkpoint, which one process may do alone
            while the others wait.
        collectives: how many it has begun. Who waits has begun more of them than who is waited for.
        seconds: processor time of its main thread, whole seconds; 0 where the system does not tell.
        place: what the main thread executes, as FILE:LINE.
    """

    beat: int
    step: int
    trains: bool
    collectives: int
    seconds: int
    place: str

    @property
    def progress(self) -> tuple[int, bool, int, int]:
        """What changes as long as the main thread gets on."""
        return self.step, self.trains, self.collectives, self.seconds


class LifeSigns:
    """The signs of all processes of one run.

    Args:
        folder: of the files; shared, and of this start of the run alone.
        rank: this process's number.
        ranks: how many there are.
    """

    def __init__(self, folder: Path, rank: int, ranks: int) -> None:
        self._paths: Sequence[Path] = [folder / f"rank-{number}.json" for number in range(ranks)]
        self._folder, self._own = folder, self._paths[rank]

    def give(self, sign: LifeSign) -> None:
        """Write this process's own.

        Raises:
            OSError: it cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        # A place is as long as a path: characters that JSON escapes could take it beyond what fits.
        text = json.dumps({**asdict(sign), "place": sign.place[-LENGTH // 8 :]})
        file = os.open(self._own, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(file, text.encode().ljust(LENGTH), 0)
        finally:
            os.close(file)

    def read(self) -> list[LifeSign | None]:
        """Every process's, in the order of ranks; None where there is none, or it is being written."""
        return [_read(path) for path in self._paths]

    def remove(self) -> None:
        """Take away this process's own; the last one takes the folder along."""
        with suppress(OSError):
            self._own.unlink(missing_ok=True)
            self._folder.rmdir()


def _read(path: Path) -> LifeSign | None:
    try:
        return LifeSign(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def main_thread_seconds() -> int:
    """Processor time of the main thread, whole seconds; 0 where the system does not tell."""
    ident = threading.main_thread().ident
    if ident is None or not hasattr(time, "pthread_getcpuclockid"):
        return 0
    return int(time.clock_gettime(time.pthread_getcpuclockid(ident)))


def main_thread_place() -> str:
    """What the main thread executes, as FILE:LINE."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""


def collectives_begun() -> int:
    """How many collectives of the default process group this process has begun; 0: unknown."""
    from torch.distributed import distributed_c10d, is_initialized

    if not is_initialized():
        return 0
    with suppress(RuntimeError):  # a backend that does not count
        return int(distributed_c10d._get_default_group()._get_sequence_number_for_group())  # type: ignore[attr-defined]
    return 0
