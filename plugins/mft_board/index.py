"""All runs in a line each. A log is read when it has changed, and then in outline."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from mft_board.places import RUN, Place, Places
from mft_core.errors import MftError
from mft_core.events import read_outline
from mft_core.run.results import RunFacts, run_facts
from mft_core.support import units

RUNNING, ENDED, BROKEN_OFF, DAMAGED = "running", "ended", "broken off", "damaged"
QUIET = 600.0
"""Seconds without a new line in its log after which a run without an end counts as broken off."""


@dataclass(frozen=True, slots=True)
class Line:
    """A run among others.

    Attributes:
        place: where it lies.
        changed: when its log was written to last, in seconds since 1970.
        ending: how it ended, in words; of a log that cannot be read, why.
        step, steps: optimizer steps done and planned; None: not known.
        best, best_step: the lowest mean validation loss, and where.
        change: of the mean validation loss, a share.
        tasks: (name, change, verdict) of every task that is trained.
        reason: as the log has it; None: no end was recorded.
        readable: whether the log could be read.
    """

    place: Place
    changed: float
    ending: str
    step: int = 0
    steps: int | None = None
    best: float | None = None
    best_step: int | None = None
    change: float | None = None
    tasks: tuple[tuple[str, float | None, str], ...] = ()
    reason: str | None = None
    readable: bool = True

    @property
    def state(self) -> str:
        """Now."""
        return state_of(self.reason, self.changed) if self.readable else DAMAGED


def state_of(reason: str | None, changed: float) -> str:
    """How a run stands: by the end in its log, or else by how long ago that was written to."""
    if reason is None:
        return RUNNING if time.time() - changed < QUIET else BROKEN_OFF
    return BROKEN_OFF if reason == "interrupted" else ENDED


def quiet_words(reason: str | None, changed: float) -> str:
    """Of a run without an end, when its log was written to last."""
    return f"last sign of life {units.duration(time.time() - changed)} ago" if reason is None else ""


class RunIndex:
    """Lines of runs, kept as long as their logs stay as they are.

    Args:
        places: where they are.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._lines: dict[str, tuple[tuple[int, int, int], Line]] = {}
        self._lock = threading.Lock()

    def lines(self, seconds: float) -> tuple[list[Line], int]:
        """The lines of all runs, the newest first, and how many are still to be read.

        Args:
            seconds: how long logs may be read now; the newest come first, at least one of them.
        """
        until = time.monotonic() + seconds
        places = self._places.all(RUN)
        found: list[Line] = []
        read = 0
        with self._lock:
            signed = [(signature, place) for place in places if (signature := _signature(place))]
            signed.sort(key=lambda pair: pair[0][2], reverse=True)
            for signature, place in signed:
                known = self._lines.get(place.key)
                if known is None or known[0] != signature:
                    if (read and time.monotonic() >= until) or not self._places.holds(place.witness):
                        continue
                    read += 1
                    known = self._lines[place.key] = (signature, _read(place, signature[2] / 1e9))
                found.append(known[1])
            keys = {place.key for place in places}
            self._lines = {key: value for key, value in self._lines.items() if key in keys}
        return found, len(signed) - len(found)


def _signature(place: Place) -> tuple[int, int, int] | None:
    """Inode, size and time of the log; None: it is gone."""
    try:
        status = place.witness.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read(place: Place, changed: float) -> Line:
    try:
        events = read_outline(place.witness)
        if not events:
            return Line(place, changed, "nothing logged yet")
        return _line(place, changed, run_facts(place.path, events))
    except (MftError, OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        return Line(place, changed, str(error), readable=False)  # one bad log must not hide the others


def _line(place: Place, changed: float, facts: RunFacts) -> Line:
    tasks = tuple((task.name, task.change, task.verdict) for task in facts.tasks)
    return Line(
        place, changed, facts.ending, facts.step, facts.steps, facts.best, facts.best_step, facts.change, tasks,
        facts.reason,
    )  # fmt: skip
