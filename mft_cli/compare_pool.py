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
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from mft_cli.compare_job import RunEnd, RunJob, Worker
from mft_core.support.durable import make_folder

if TYPE_CHECKING:
    from mft_cli.compare_progress import RunsProgress
    from mft_core.comparison.arms import ArmRun

SECONDS_BETWEEN_LOOKS = 0.1
PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from mft_cli.compare_worker import main; main()"


class LocalWorker:
    """A process on this machine, in a session of its own: Ctrl-C reaches only the process that started it.

    It holds the other end of a pipe; when that closes because this process is gone, it saves and ends.
    """

    def __init__(self, job: RunJob) -> None:
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

    def outcome(self) -> RunEnd | None:
        """How it ended; None while it goes on."""
        code = self._process.poll()
        if code is None:
            return None
        said = _open(self._process.stdout).read()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                _open(pipe).close()
        if said:
            return RunEnd(**json.loads(said))
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return RunEnd(code, f"its process {how}")

    def interrupt(self, number: signal.Signals) -> None:
        """Ask it to save and end."""
        self._process.send_signal(number)

    def wait(self) -> RunEnd:
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

    waiting, free = list(runs), deque(range(places))
    going: dict[int, tuple[ArmRun, Worker]] = {}
    failed, stopping = False, False
    with Interruption() as interruption, progress:
        while going or (waiting and not interruption.signal):
            while free and not interruption.signal and (run := _ready(waiting, going.values())):
                waiting.remove(run)
                place = free.popleft()
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


def _ready(waiting: Sequence[ArmRun], going: Iterable[tuple[ArmRun, Worker]]) -> ArmRun | None:
    """The first run that needs none of those that have not ended."""
    ahead = {run.folder for run in waiting} | {run.folder for run, _ in going}
    return next((run for run in waiting if ahead.isdisjoint(run.needs)), None)
