"""The board's side of its worker: started when something is asked of it, and again when it died."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from mft_core.errors import MftError

COMMAND = (sys.executable, "-m", "mft_board.worker")
MOST_WORDS = 500
KILLED = -9


class WorkerProcess:
    """One process, one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, **request: Any) -> Iterator[Mapping[str, Any]]:
        """The replies, as they come. Whoever stops listening ends the process, and with it the work.

        Raises:
            MftError: the worker says so, or it died.
        """
        with self._lock:
            process = self._running()
            whole = False
            try:
                yield from self._replies(process, request)
                whole = True
            except MftError:
                whole = process.poll() is None
                raise
            finally:
                if not whole:
                    self._end()

    def close(self) -> None:
        """End the process, whatever it does."""
        self._end()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            # On a terminal, Ctrl-C is for the board alone, which ends its workers.
            self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - the process has it
            self._process = subprocess.Popen(
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
                encoding="utf-8", start_new_session=True,
            )  # fmt: skip
        return self._process

    def _replies(self, process: subprocess.Popen[str], request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except OSError as error:
            raise self._died(process) from error
        for line in process.stdout:
            reply = json.loads(line)
            if "error" in reply:
                raise MftError(reply["error"], reply["hint"])
            if "end" in reply:
                return
            yield reply
        raise self._died(process)

    def _died(self, process: subprocess.Popen[str]) -> MftError:
        code = process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip()[-MOST_WORDS:]
        if code == KILLED:
            return MftError("The process that loads models was killed: memory ran out, or somebody ended it.", said)
        return MftError(f"The process that loads models has died (exit code {code}).", said)

    def _end(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, self._errors):
                assert stream is not None
                with suppress(OSError):  # what was still to be sent to a dead process
                    stream.close()
