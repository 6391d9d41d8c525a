"""Runs of a comparison side by side: each in a process of its own, with its share of the cores or its own device."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from mft_core.support.durable import make_folder

if TYPE_CHECKING:
    from mft_cli.compare_progress import RunsProgress
    from mft_core.comparison.arms import ArmRun, Request

SECONDS_BETWEEN_LOOKS = 0.1
PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from mft_cli.compare_worker import main; main()"


@dataclass(frozen=True, slots=True)
class Job:
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
class Outcome:
    """How a worker ended: its exit code, and what it says where it failed."""

    code: int
    message: str = ""
    hint: str = ""


class Worker(Protocol):
    """A run that is being carried out elsewhere."""

    def outcome(self) -> Outcome | None:
        """How it ended; None while it goes on."""

    def interrupt(self, number: signal.Signals) -> None:
        """Ask it to save and end."""


class LocalWorker:
    """A process on this machine, in a session of its own: Ctrl-C reaches only the process that started it.

    It holds the other end of a pipe; when that closes because this process is gone, it saves and ends.
    """

    def __init__(self, job: Job) -> None:
        make_folder(job.log.parent)
        with job.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=job.place,
                env={**os.environ, **job.environment},
                start_new_session=True,
            )
        with suppress(BrokenPipeError):  # it is gone already, and its outcome says so
            _open(self._process.stdin).write(pickle.dumps(job))
            _open(self._process.stdin).flush()

    def outcome(self) -> Outcome | None:
        """How it ended; None while it goes on."""
        code = self._process.poll()
        if code is None:
            return None
        said = _open(self._process.stdout).read()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                _open(pipe).close()
        if said:
            return Outcome(**json.loads(said))
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return Outcome(code, f"its process {how}")

    def interrupt(self, number: signal.Signals) -> None:
        """Ask it to save and end."""
        self._process.send_signal(number)

    def wait(self) -> Outcome:
        """How it ended, once it has."""
        self._process.wait()
        outcome = self.outcome()
        assert outcome is not None
        return outcome


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def side_by_side(
    runs: Sequence[ArmRun], start: Callable[[ArmRun, int], Worker], places: int, progress: RunsProgress
) -> int:
    """Carry out runs, so many at a time, until all have ended or a signal asks to stop; returns the exit code.

    A run that fails does not keep others from ending well. After Ctrl-C or SIGTERM none is begun any more, and those
    that are going on save and end.

    Args:
        start: begins a run at one of the places, 0 to `places` - 1.
        places: how many at a time.
    """
    from mft_core.training.interruption import Interruption

    waiting, free = deque(runs), deque(range(places))
    going: dict[int, tuple[ArmRun, Worker]] = {}
    failed, stopping = False, False
    with Interruption() as interruption, progress:
        while going or (waiting and not interruption.signal):
            while waiting and free and not interruption.signal:
                run, place = waiting.popleft(), free.popleft()
                progress.begin(run.label)
                going[place] = (run, start(run, place))
            if interruption.signal and not stopping:
                stopping = True
                for _, worker in going.values():
                    worker.interrupt(interruption.signal)
            time.sleep(SECONDS_BETWEEN_LOOKS)
            for place, (run, worker) in list(going.items()):
                outcome = worker.outcome()  # before the events: then none is missed
                progress.look(run.label)
                if outcome is not None:
                    del going[place]
                    free.append(place)
                    failed = failed or bool(outcome.code)
                    progress.end(run.label, outcome, stopping=stopping)
        return interruption.exit_code or int(failed)
