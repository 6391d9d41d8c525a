"""How many questions are under way at once: fewer when the endpoint is busy, more again while it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mft_core.endpoint.replies import GiveUp

GIVEN_UP = "it was given up before"


class Gate:
    """Lets at most so many threads through at once. For any threads.

    The number is halved when the endpoint says that it is busy, and grows by one after as many answers as it counts.

    Args:
        most: the number at first, and the largest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._limit = most
        self._inside = 0
        self._answers = 0
        self._halvings = 0
        self._held_until = 0.0
        self._closed = False

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return self._limit

    @contextmanager
    def place(self) -> Iterator[int]:
        """A place for one question, once one is free and the endpoint wants to be asked again.

        Returns:
            What to tell `slow_down`: how often the number had been halved by then.

        Raises:
            GiveUp: the gate was closed.
        """
        with self._changed:
            while not self._closed and (self._inside >= self._limit or self._held() > 0):
                self._changed.wait(self._held() or None)
            if self._closed:
                raise GiveUp(GIVEN_UP)
            self._inside += 1
            halvings = self._halvings
        try:
            yield halvings
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def slow_down(self, halvings: int, seconds: float) -> None:
        """The endpoint is busy: halve the number, and let nobody through for some time.

        Args:
            halvings: as `place` gave it. Questions that were under way together are all refused when the endpoint is
                busy; that halves the number once.
            seconds: that the endpoint wants to be left alone.
        """
        with self._changed:
            self._held_until = max(self._held_until, time.monotonic() + seconds)
            if halvings == self._halvings:
                self._limit = max(1, self._limit // 2)
                self._halvings += 1
                self._answers = 0

    def answered(self) -> None:
        """The endpoint answered."""
        with self._changed:
            self._answers += 1
            if self._answers >= self._limit < self._most:
                self._limit += 1
                self._answers = 0
                self._changed.notify_all()

    def close(self) -> None:
        """Let nobody through any more, those who wait neither."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _held(self) -> float:
        """Seconds for which nobody is let through."""
        return max(0.0, self._held_until - time.monotonic())
