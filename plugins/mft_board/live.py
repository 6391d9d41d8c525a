"""Runs that somebody looks at, kept in memory while their logs grow: every event is read once, whoever asks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mft_board.index import state_of
from mft_board.places import Place
from mft_core.errors import UsageError
from mft_core.events import EventTail
from mft_core.run.gathered_events import GatheredEvents
from mft_core.run.history import History, history
from mft_core.run.results import RunFacts, gathered_facts
from mft_core.support import run_files

MOST_WATCHED = 8


class WatchedRun:
    """One run, as far as its log goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.rendered: dict[str, tuple[str, str]] = {}
        self._tail = EventTail(folder / run_files.METRICS)
        self._begin()

    def _begin(self) -> None:
        self._gathered = GatheredEvents()
        self._names: tuple[list[str], list[str]] = ([], [])
        self._train: History | None = None
        self._count = 0

    def refresh(self) -> str:
        """Read what is new; what comes back changes whenever there is something else to show.

        Raises:
            UsageError: the log is gone, or empty.
            MftError: a line of it is no event.
        """
        with self.lock:
            try:
                events, anew = self._tail.read()
                self.changed = self._tail.path.stat().st_mtime
            except OSError as error:
                raise UsageError(f"{self._tail.path} cannot be read: {error.strerror}", "Is the run gone?") from error
            if anew:
                self._begin()
            self._add(events)
            if not self._count:
                raise UsageError(f"{self.folder} has logged nothing yet.", "Look again when the run has begun.")
            return f"{self._count}-{self.state}"

    @property
    def state(self) -> str:
        """Running, ended or broken off."""
        return state_of(self._gathered.end.get("reason"), self.changed)

    def facts(self) -> RunFacts:
        """The run in numbers."""
        return gathered_facts(self.folder, self._gathered)

    def history(self) -> History:
        """The run over time."""
        tasks, watched = self._names
        measured = history(tasks, list(self._evaluations()), watched)
        if self._train is None:
            return measured
        return replace(
            self._train,
            eval_steps=measured.eval_steps,
            eval_loss=measured.eval_loss,
            decisions=measured.decisions,
        )

    def _evaluations(self) -> list[dict[str, Any]]:
        evaluations = self._gathered.evaluations
        return [*(evaluations[step] for step in sorted(evaluations)), *self._gathered.others.get("decision", ())]

    def _add(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            self._gathered.add(event)
        self._count += len(events)
        names = self._gathered.names("tasks"), self._gathered.names("watched")
        train = [event for event in events if event["event"] == "train"]
        if self._train is not None and names != self._names:
            # Tasks that turn up later, in a log whose beginning was lost: columns are made anew for all of them.
            self._train = _widened(self._train, self._names, names)
        self._names = names
        if train:
            new = history(names[0], train, names[1])
            self._train = new if self._train is None else _joined(self._train, new)


def _joined(before: History, new: History) -> History:
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(before, name), getattr(new, name)])
        for name in ("steps", "loss", "tokens", "weight")
    }
    run = {name: np.concatenate([values, new.run[name]]) for name, values in before.run.items()}
    return replace(new, **arrays, run=run)


def _widened(before: History, old: tuple[list[str], list[str]], new: tuple[list[str], list[str]]) -> History:
    """The same with columns for the tasks in `new`, which hold those of `old`."""
    place = {name: column for column, name in enumerate([*old[0], *old[1]])}
    columns = [place.get(name, -1) for name in [*new[0], *new[1]]]
    shown = history(new[0], [], new[1]).tasks

    def spread(values: np.ndarray, missing: float) -> np.ndarray:
        padded = np.concatenate([values, np.full((len(values), 1), missing)], axis=1)
        return padded[:, columns]

    return replace(
        before,
        tasks=shown,
        loss=spread(before.loss, np.nan),
        tokens=spread(before.tokens, 0.0),
        weight=spread(before.weight, np.nan),
    )


class WatchedRuns:
    """The runs that were looked at last."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, WatchedRun] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, place: Place) -> WatchedRun:
        """The run, from memory or begun."""
        with self._lock:
            run = self._runs.pop(place.key, None) or WatchedRun(place.path)
            self._runs[place.key] = run
            while len(self._runs) > MOST_WATCHED:
                self._runs.popitem(last=False)
            return run
