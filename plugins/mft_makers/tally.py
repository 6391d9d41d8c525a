"""Counts by reason, from any thread."""

from __future__ import annotations

import threading
from collections import Counter


class Tally:
    """What was left out, by reason."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, reason: str) -> None:
        """One more."""
        with self._lock:
            self._counts[reason] += 1

    def counts(self) -> dict[str, int]:
        """By reason, in alphabetical order, so that the order of threads does not show."""
        with self._lock:
            return dict(sorted(self._counts.items()))
