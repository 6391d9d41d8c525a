"""Looking after worker processes: which of them stand still, which one died and how."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

STOPPED_STATES = ("T", "t")
"""Of Linux: by a signal (SIGSTOP, Ctrl-Z), by a debugger."""


class WorkerWatch:
    """The processes that this one starts from now on."""

    def __init__(self) -> None:
        self._others = set(multiprocessing.active_children())
        self._workers: set[BaseProcess] = set()

    def look(self) -> list[int]:
        """Note who is there; returns the process ids of those that are stopped."""
        self._workers |= set(multiprocessing.active_children()) - self._others
        return sorted(pid for worker in self._workers if (pid := worker.pid) and is_stopped(pid))

    def kill(self) -> None:
        """End all of them at once, stopped ones too."""
        for worker in self._workers:
            worker.kill()

    def ends(self) -> str:
        """How those ended that were not asked to, in words; to be called when all have ended."""
        ends = [(worker.pid, worker.exitcode) for worker in self._workers]
        known = [(pid, code) for pid, code in ends if pid and code not in (None, 0, -signal.SIGTERM)]
        return ", ".join(f"process {pid} {_in_words(code)}" for pid, code in sorted(known) if code is not None)


def is_stopped(pid: int) -> bool:
    """Whether a process is there and does not run until it is told to; False where this cannot be known."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] in STOPPED_STATES


def _in_words(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    names = {number.value: number.name for number in signal.Signals}
    return f"was killed by {names.get(-code, f'signal {-code}')}"
