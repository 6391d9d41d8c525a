"""Events of a run: one JSON object a line in metrics.jsonl, also handed to every listener."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mft_core.support import run_files
from mft_core.support.durable import write_text
from mft_core.support.redact import redacted

Listener = Callable[["Event"], None]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run.

    Attributes:
        name: "start", "train", "eval", "balance", "checkpoint", "skip", "warning", "score" or "end"; of a
            comparison, "compared".
        step: optimizer steps done.
        run: the run folder.
        data: the event's own fields, JSON values only.
    """

    name: str
    step: int
    run: Path
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """One line for metrics.jsonl; a float that is not finite becomes null, so that every reader can parse it."""
        return json.dumps({"event": self.name, "step": self.step, **_finite(self.data)}, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events in a metrics.jsonl, oldest first; a torn last line (a killed writer) is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    events = [json.loads(line) for line in lines[:-1] if line.strip()]
    if lines[-1].strip():
        try:
            events.append(json.loads(lines[-1]))
        except json.JSONDecodeError:
            return events
    return events


class EventLog:
    """Appends events to metrics.jsonl and hands them to listeners.

    A listener that raises is reported once, as a "warning" event, and left out from then on.
    """

    def __init__(self, run: Path, listeners: Mapping[str, Listener] | None = None) -> None:
        self.run = run
        self.path = run / run_files.METRICS
        self._listeners = dict(listeners or {})

    def rewind(self, step: int) -> None:
        """Forget what came after `step`: those steps are about to be done again, bit by bit the same."""
        kept = [event for event in read_events(self.path) if event["step"] <= step and event["event"] != "end"]
        write_text(self.path, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in kept))

    def emit(self, name: str, step: int, **data: Any) -> None:
        """Write one event, without secrets, and tell every listener."""
        event = Event(name, step, self.run, redacted(data))
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(event.as_json() + "\n")
        for source, listener in list(self._listeners.items()):
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - a listener's fault must not end the run
                del self._listeners[source]
                self.emit("warning", step, message=f"{source} failed on the event {name!r} and is left out: {error!r}")
