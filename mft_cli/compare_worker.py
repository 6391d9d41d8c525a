"""One run of a comparison in a process of its own; see `mft_cli.compare_pool`."""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from mft_cli.app import INTERRUPTED
from mft_cli.compare_job import RunEnd, RunJob
from mft_cli.compiling import compile_when_called
from mft_cli.display import console, show_traceback
from mft_cli.quiet import quieten_other_libraries
from mft_cli.streams import write_anything
from mft_core.errors import MftError
from mft_core.events import Event
from mft_core.support import run_files
from mft_core.support.durable import append_whole

PATIENCE = 600.0
"""Seconds that a run waits for another process to let go of its folder."""


def main() -> None:
    """Carry out the job that comes on standard input; how it ended goes to standard output, all else to the error."""
    job = pickle.load(sys.stdin.buffer)
    if job.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job.cores)
    result = os.dup(1)
    os.dup2(2, 1)  # what any library prints belongs in the log
    write_anything()
    quieten_other_libraries()
    compile_when_called()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    outcome = _outcome(job)
    os.write(result, json.dumps(asdict(outcome)).encode())
    sys.exit(outcome.code)


def _end_with_parent() -> None:
    """Save and end when whoever holds the other end of standard input is gone."""
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _outcome(job: RunJob) -> RunEnd:
    try:
        return RunEnd(carry_out_job(job))
    except KeyboardInterrupt:
        return RunEnd(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the parent tells the user
        show_traceback(error)
        if isinstance(error, MftError):
            return RunEnd(error.exit_code, error.message, error.hint)
        from mft_core.registry.catalog import describe

        return RunEnd(1, describe(error))


def carry_out_job(job: RunJob) -> int:
    """Prepare the comparison as its parent did, and carry out one of its runs; returns the exit code.

    Raises:
        MftError: as `mft compare` in one process.
    """
    from mft_cli.compare import train_one
    from mft_cli.messages import progress_shown
    from mft_cli.plan_view import prepare
    from mft_cli.session import Session
    from mft_core.comparison.preparing import prepare_comparison
    from mft_core.registry.discovery import discover
    from mft_core.registry.workspace import Workspace

    plugins = Session(discover(Workspace.find())).use(job.plugin_files).opening(*job.opened)
    screen = console()
    _wait_for_others(job.folder, screen.print)
    with progress_shown(screen) as progress:
        prepared = prepare_comparison(
            job.request, job.elsewhere, plugins.catalog, lambda it: prepare(it, plugins, progress), progress.tokenizing
        )
    run, state = next((run, state) for run, state in prepared.runs if run.folder == job.folder)
    if state.finished:
        return 0

    def post(event: Event) -> None:
        append_whole(job.events, (event.as_json() + "\n").encode("utf-8", "backslashreplace"))

    return train_one(run, prepared, plugins, screen, begun=state.begun, more_listeners={"compare": post})


def _wait_for_others(folder: Path, say: Callable[[str], None]) -> None:
    """After `kill -9` of a comparison its workers still save what they have: let them.

    One that holds the folder for long is no such worker, and is named when the folder is opened.
    """
    lock = folder / run_files.LOCK
    ends = time.monotonic() + PATIENCE
    waited = False
    while lock.exists() and time.monotonic() < ends:
        with lock.open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                if not waited:
                    say(f"another process writes to {folder}: waiting until it has ended")
                waited = True
        time.sleep(0.2)
