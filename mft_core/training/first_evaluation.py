"""What a run measures before its first step, kept in a file for runs that begin as the same model on the same data."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mft_core.records import TaskLosses
from mft_core.support.durable import make_folder, write_text


class Evaluation(NamedTuple):
    """Losses of all validation samples; `watched`: of tasks that are only measured, None where there are none."""

    losses: TaskLosses
    watched: TaskLosses | None


@dataclass(frozen=True, slots=True)
class FirstEvaluation:
    """The first evaluation of all runs that would measure the same, bit by bit.

    Attributes:
        path: its file; one name for all such runs, and for no other one.
        writes: this process keeps what it measures.
    """

    path: Path
    writes: bool

    def known_or(self, measure: Callable[[], Evaluation]) -> Evaluation:
        """What another run has kept; where there is nothing, or it cannot be read, what `measure` gives, kept.

        Called on every rank: `measure` is a work of all of them, and the file comes only after it.
        """
        known = _read(self.path)
        if known is not None:
            return known
        found = measure()
        if self.writes:
            values = {name: part.as_json() for name, part in found._asdict().items() if part is not None}
            with suppress(OSError):  # it saves others some time, no more
                make_folder(self.path.parent)
                write_text(self.path, json.dumps(values))
        return found


def _read(path: Path) -> Evaluation | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        watched = values.get("watched")
        return Evaluation(TaskLosses.from_json(values["losses"]), TaskLosses.from_json(watched) if watched else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
