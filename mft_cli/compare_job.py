"""What a process that carries out one run of a comparison is told, and how it ends."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mft_core.comparison.arms import Request


@dataclass(frozen=True, slots=True)
class RunJob:
    """What a worker must know to carry out one run, on any machine that sees the same files.

    Attributes:
        request, elsewhere: the comparison, as `prepare_comparison` takes it.
        folder: of the run.
        plugin_files: those of `--plugin`.
        opened: folders of runs whose record of plugins counts; see `Plugins.opening`.
        place: the working folder.
        events: a file to which the run's events are appended, for whoever watches.
        cores: the processors it may use; none: all.
        threads: that it computes with.
        device: its CUDA device, as CUDA_VISIBLE_DEVICES names it; "": as this process.
    """

    request: Request
    elsewhere: Sequence[tuple[str, Path]]
    folder: Path
    plugin_files: Sequence[Path]
    opened: Sequence[Path]
    place: Path
    events: Path
    threads: int
    cores: tuple[int, ...] = ()
    device: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What the worker finds in its environment beside what this process finds in its own."""
        devices = {"CUDA_VISIBLE_DEVICES": self.device} if self.device else {}
        return {"OMP_NUM_THREADS": str(self.threads), "OMP_WAIT_POLICY": "PASSIVE", **devices}

    @property
    def log(self) -> Path:
        """Where the worker's output goes."""
        return self.events.with_suffix(".log")


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a worker ended: its exit code, and what it says where it failed."""

    code: int
    message: str = ""
    hint: str = ""


class Worker(Protocol):
    """A run that is being carried out elsewhere."""

    def outcome(self) -> RunEnd | None:
        """How it ended; None while it goes on."""

    def interrupt(self, number: signal.Signals) -> None:
        """Ask it to save and end."""
