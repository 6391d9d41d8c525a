"""TensorBoard and Weights & Biases, through Accelerate's trackers: a listener of a run's events."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mft_core.errors import UsageError
from mft_core.events import Event, read_events
from mft_core.support import run_files
from mft_core.support.nesting import flattened
from mft_core.support.suggestions import did_you_mean

TRACKERS = ("tensorboard", "wandb")


class Trackers:
    """Hands every number of a run's events to the named trackers. Create it on the main process only.

    TensorBoard writes below RUN/tensorboard; W&B makes a run named like the folder in the project "mft".

    Args:
        names: of `TRACKERS`.
        run: the run folder.

    Raises:
        UsageError: a name that is none, or a package that is not installed. Raised here, before any work is done;
            the trackers themselves start with the first event.
    """

    def __init__(self, names: Sequence[str], run: Path) -> None:
        for name in names:
            _require(name)
        self._names = tuple(dict.fromkeys(names))
        self._run = run
        self._trackers: list[Any] = []
        self._started = False

    def __call__(self, event: Event) -> None:
        """Log one event. A run that goes back logs steps again, as a resumed one does."""
        if event.name == "decision" and event.data["to_step"] < event.data["from_step"]:
            self.close()
            self._started = False
        if not self._started:
            self._start(event)
        values = scalars(event)
        for tracker in self._trackers if values else ():
            tracker.log(values, step=event.step)
        if event.name == "end":
            self.close()

    def close(self) -> None:
        """Write what is buffered and stop; a second call does nothing."""
        while self._trackers:
            self._trackers.pop().finish()

    def _start(self, event: Event) -> None:
        self._started = True
        # A resumed run's first event is no "start": the log has the one it began with.
        log = read_events(self._run / run_files.METRICS)
        start = next((entry for entry in log if entry["event"] == "start"), {})
        for name in self._names:
            tracker = _create(name, self._run, event.step)
            tracker.start()
            tracker.store_init_configuration(configuration(start))
            self._trackers.append(tracker)


def scalars(event: Event) -> dict[str, float]:
    """The finite numbers of a "train", "eval" or "score" event, by path: "train/task/NAME/loss", "eval/loss"."""
    if event.name == "score":
        value: Any = event.data.get("value")
        name = f"score/{event.data.get('task')}/{event.data.get('metric')}"
        return {name: float(value)} if _is_number(value) else {}
    if event.name not in ("train", "eval"):
        return {}
    flat = flattened(event.data, "/", f"{event.name}/")
    return {name.replace("/tasks/", "/task/", 1): float(value) for name, value in flat.items() if _is_number(value)}


def configuration(start: Mapping[str, Any]) -> dict[str, Any]:
    """What the "start" event says of the run, as flat plain values; per-task counts are left to metrics.jsonl."""
    flat = flattened(
        {key: value for key, value in start.items() if key not in ("event", "step", "tasks", "watched")}, "/"
    )
    return {name: value if isinstance(value, (bool, int, float, str)) else str(value) for name, value in flat.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _require(name: str) -> None:
    if name not in TRACKERS:
        raise UsageError(f"There is no tracker {name!r}.", did_you_mean(name, TRACKERS))
    if importlib.util.find_spec(name) is None:
        raise UsageError(
            f"The tracker {name!r} needs a package that is not installed.",
            f"Install it with: pip install 'mft[{name}]'",
        )


def _create(name: str, run: Path, step: int) -> Any:
    from accelerate.tracking import TensorBoardTracker, WandBTracker

    if name == "tensorboard":
        # Steps that a resumed run does again replace what was logged of them the first time.
        purge = {"purge_step": step} if step else {}
        return TensorBoardTracker("tensorboard", run, **purge)
    return WandBTracker("mft", name=run.resolve().name, dir=str(run))
