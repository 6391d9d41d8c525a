"""What sandboxes found, kept on disk: a making that goes on runs nothing twice, and finds the same.

Whether a program that takes nearly as long as it may is stopped is chance. Only a verdict that is kept makes the file
that a continued making writes equal to that of one that was never stopped.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

from mft_core.errors import MftError
from mft_core.sandbox import Outcome, judge_many
from mft_core.support.journal import Journal
from mft_core.support.redact import redact
from mft_core.support.threads import allowed_processors

FILE = "verdicts.jsonl"
LONGEST_DETAIL = 300


class Ruling(NamedTuple):
    """What became of a run: "pass" or another verdict of the sandbox, and one line on it, without secrets."""

    verdict: str
    detail: str


class Verdicts:
    """Runs what was never run, in any thread; as many sandboxes at a time as there are processors.

    Args:
        folder: of the making; verdicts.jsonl is in it.

    Raises:
        MftError: somebody else wrote into the file.
    """

    def __init__(self, folder: Path) -> None:
        self._journal = Journal(folder / FILE)
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(allowed_processors())
        self._known = {str(line["digest"]): Ruling(line["verdict"], line["detail"]) for line in self._journal.records}
        self._running: dict[str, Future[Ruling]] = {}

    def of(self, run: Mapping[str, Any], start: Callable[[], Outcome]) -> Ruling:
        """The verdict on a run: that of its first time, whichever thread or process that was in.

        Args:
            run: everything that it depends on, JSON values: what is run and its limits.
            start: runs it; tried again where the sandbox itself failed.

        Raises:
            MftError: the sandbox fails again and again (nothing is kept of that), or the disk is full.
        """
        text = json.dumps(run, sort_keys=True).encode("ascii")
        digest = hashlib.sha256(text).hexdigest()[:32]
        with self._lock:
            if digest in self._known:
                return self._known[digest]
            theirs = self._running.get(digest)
            mine = self._running.setdefault(digest, Future())
        if theirs is not None:
            return theirs.result()
        try:
            with self._places:
                ruling = _ruling(start)
            with self._lock:
                self._journal.append([{"digest": digest, **ruling._asdict()}])
                self._known[digest] = ruling
            mine.set_result(ruling)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._running[digest]
        return ruling


def _ruling(start: Callable[[], Outcome]) -> Ruling:
    (outcome,) = judge_many([start], workers=1)
    if outcome.verdict == "infra_error":
        raise MftError(
            f"The sandbox failed four times in a row: {outcome.detail}",
            "See that there are memory, processes and space in the temporary folder; then start again.",
        )
    return Ruling(outcome.verdict, redact(outcome.detail)[:LONGEST_DETAIL])
