"""Workers of `mft compare --jobs` forked from a process that has imported what they need: see `forked_processes`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.reduction import DupFd
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from helpers.forked_processes import ForkedProcess
from mft_cli import compare_pool, compare_worker


@pytest.fixture
def workers_are_forked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """For tests of what workers do, not of how they start; the commands that would have started them."""
    commands: list[list[str]] = []

    def start(command: list[str], **named: Any) -> _ForkedWorker:
        commands.append(command)
        return _ForkedWorker(**named)

    monkeypatch.setattr(compare_pool, "subprocess", SimpleNamespace(Popen=start, PIPE=subprocess.PIPE))
    yield commands
    assert all(command[:2] == [sys.executable, "-c"] and "compare_worker" in command[2] for command in commands)


class _ForkedWorker:
    """As much of `subprocess.Popen` as `LocalWorker` needs."""

    def __init__(
        self, *, stdin: int, stdout: int, stderr: IO[bytes], cwd: Path, env: Mapping[str, str], start_new_session: bool
    ) -> None:
        assert (stdin, stdout, start_new_session) == (subprocess.PIPE, subprocess.PIPE, True)
        job, to_worker = os.pipe()
        from_worker, result = os.pipe()
        self._process = ForkedProcess(_Work((job, result, stderr.fileno()), cwd, env))
        os.close(job)
        os.close(result)
        self._code: int | None = None
        self.stdin, self.stdout = os.fdopen(to_worker, "wb"), os.fdopen(from_worker, "rb")

    def poll(self) -> int | None:
        if self._code is None and self._process.poll() is not None:
            self.wait()
        return self._code

    def wait(self) -> None:
        if self._code is None:
            self._process.communicate()
            self._code = self._process.returncode

    def send_signal(self, number: int) -> None:
        os.kill(self._process.pid, number)


class _Work:
    """What the new process does: standard input, output and error in place, then the worker's `main`."""

    def __init__(self, streams: Sequence[int], place: Path, environment: Mapping[str, str]) -> None:
        self._streams, self._place, self._environment = streams, place, dict(environment)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_streams": [DupFd(stream) for stream in self._streams]}

    def __call__(self) -> None:
        os.setsid()
        os.chdir(self._place)
        os.environ.clear()
        os.environ.update(self._environment)
        for number, stream in enumerate(self._streams):
            os.dup2(stream.detach(), number)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        compare_worker.main()
