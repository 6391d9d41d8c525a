"""Processes forked from one that has imported what a run needs, since to import it takes longer than to train.

Processes of their own in all else: killed, interrupted and ended like any other. What is to be seen of a start, what it
imports or which locale it finds, needs a new interpreter.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

IMPORTED = [
    "mft_core.run.training", "mft_cli.compare", "mft_cli.run", "transformers.models.llama.modeling_llama",
    "mft_cli.data_make", "mft_core.endpoint.client", "httpx2",
]  # fmt: skip


class ForkedProcess:
    """As much of `subprocess.Popen` as tests need; both outputs are one text."""

    def __init__(self, work: Callable[[], object]) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        reading, writing = os.pipe()
        self._output = os.fdopen(reading, encoding="utf-8", errors="replace")
        self._process = context.Process(target=_work, args=(_Surroundings(writing), work))
        self._process.start()
        os.close(writing)
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it goes on; negative: the signal that ended it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def communicate(self) -> tuple[str, None]:
        """Wait for its end; what it printed."""
        with self._output:
            text = self._output.read()
        self._process.join()
        return text, None


class _Surroundings:
    """Of the test: its working folder and environment, and the file that outputs go to."""

    def __init__(self, output: int) -> None:
        self.place, self.environment, self.output = Path.cwd(), dict(os.environ), output

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "output": DupFd(self.output)}

    def enter(self) -> None:
        """In the new process."""
        os.chdir(self.place)
        os.environ.clear()
        os.environ.update(self.environment)
        output = self.output.detach()
        for stream in (1, 2):
            os.dup2(output, stream)
        os.close(output)
        # Anew: those that there are know whether the file before this one could seek.
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


def _work(surroundings: _Surroundings, work: Callable[[], object]) -> None:
    surroundings.enter()
    # As at a terminal: what was started in the background ignores Ctrl-C, and so do all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    work()


def run_to_its_end(work: Callable[[], object]) -> None:
    """In a process of its own, which must end well."""
    process = ForkedProcess(work)
    text, _ = process.communicate()
    assert process.returncode == 0, text
