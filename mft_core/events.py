"""Events of a run: one JSON object a line in metrics.jsonl, also handed to every listener."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mft_core.errors import MftError
from mft_core.support import run_files
from mft_core.support.durable import append_whole, write_text
from mft_core.support.redact import redacted

Listener = Callable[["Event"], None]
TRAIN_LINE, AFFINITY_LINE = b'{"event": "train"', b'{"event": "affinity"'
"""How the lines of the events begin that are many, or long."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run.

    Attributes:
        name: "start", "resume", "train", "eval", "balance", "checkpoint", "decision", "skip", "warning", "score",
            "affinity" or "end"; of adapters combined, "merge"; of the arm "mix", "amounts" and
            "mixture"; of a comparison, "compared".
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
    """The events in a metrics.jsonl, oldest first; a torn last line (a killed writer, a full disk) is left out.

    Raises:
        MftError: another line is no event.
    """
    return _whole_events(path)[0]


def _whole_events(path: Path) -> tuple[list[dict[str, Any]], bool]:
    """The events, and whether a torn last line is left out. Cut at any byte, a line is torn, within a letter too."""
    if not path.exists():
        return [], False
    *lines, last = path.read_bytes().split(b"\n")
    events = [_event(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]
    if not last.strip():
        return events, False
    try:
        return [*events, _event(last, path, len(lines) + 1)], False
    except MftError:
        return events, True


def read_outline(path: Path) -> list[dict[str, Any]]:
    """As `read_events`, without what a long log is long by: "affinity" is left out, and "train" but for the last one.

    Raises:
        MftError: a line that is read, other than the last, is no event.
    """
    if not path.exists():
        return []
    kept: list[tuple[int, bytes]] = []
    last_train: tuple[int, bytes] | None = None
    ends_whole = True
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            ends_whole = line.endswith(b"\n")
            if line.startswith(TRAIN_LINE) and ends_whole:
                last_train = number, line
            elif line.strip() and not line.startswith(AFFINITY_LINE):
                kept.append((number, line))
    if not ends_whole:
        kept = kept[:-1]  # being written just now, or torn
    chosen = sorted([*kept, *([last_train] if last_train else [])])
    return [_event(line, path, number) for number, line in chosen]


class EventTail:
    """Reads a metrics.jsonl while it grows, every event once. It only ever reads: the run does not notice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: tuple[int, int] | None = None
        self._offset = self._lines = 0

    def read(self) -> tuple[list[dict[str, Any]], bool]:
        """What was written since, in whole lines; and whether the log was begun anew, as when a run is resumed: then
        these are all of its events, and what was read before counts no more.

        Raises:
            MftError: a line is no event.
            OSError: there is no such file.
        """
        with self.path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            anew = self._file != (status.st_dev, status.st_ino) or status.st_size < self._offset
            if anew:
                self._file, self._offset, self._lines = (status.st_dev, status.st_ino), 0, 0
            stream.seek(self._offset)
            whole = stream.read()
        whole = whole[: whole.rfind(b"\n") + 1]
        lines = whole.split(b"\n")[:-1]
        first = self._lines + 1
        self._offset, self._lines = self._offset + len(whole), self._lines + len(lines)
        return [_event(line, self.path, number) for number, line in enumerate(lines, first) if line.strip()], anew


def _event(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        event = json.loads(line)
        return {**event, "event": event["event"], "step": event["step"]}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MftError(
            f"{path}:{number} is no event of a run: {line[:80].decode(errors='replace')}", "Remove the line."
        ) from error


class EventLog:
    """Appends events to metrics.jsonl and hands them to listeners.

    A listener that raises is reported once, as a "warning" event, and left out from then on.
    """

    def __init__(self, run: Path, listeners: Mapping[str, Listener] | None = None) -> None:
        self.run = run
        self.path = run / run_files.METRICS
        self._listeners = dict(listeners or {})

    def rewind(self, step: int) -> None:
        """Forget what came after `step`: those steps are about to be done again, bit by bit the same.

        Raises:
            MftError: the file cannot be written, or a line other than the last is no event.
        """
        events, torn = _whole_events(self.path)
        kept = [event for event in events if event["step"] <= step and event["event"] != "end"]
        try:
            write_text(self.path, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in kept))
        except OSError as error:
            raise self._cannot_be_written(error) from error
        if torn and step >= 0:
            message = f"the last line of {self.path.name} was cut short when the run ended, and is left out"
            self.emit("warning", step, message=message)
        if step >= 0 and not any(event["event"] == "start" for event in kept):
            missing = "what was logged before" if not kept else "its beginning"
            message = f"{self.path} lacks {missing}: the file was removed, emptied or cut; the weights are not affected"
            self.emit("warning", step, message=message)

    def emit(self, name: str, step: int, **data: Any) -> None:
        """Write one event, without secrets, and tell every listener.

        Raises:
            MftError: it cannot be written, as on a full disk; what was written before stays readable.
        """
        event = Event(name, step, self.run, redacted(data))
        try:
            append_whole(self.path, (event.as_json() + "\n").encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise self._cannot_be_written(error) from error
        for source, listener in list(self._listeners.items()):
            try:
                listener(event)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001 - a listener's fault must not end the run
                del self._listeners[source]
                self.emit("warning", step, message=f"{source} failed on the event {name!r} and is left out: {error!r}")

    def _cannot_be_written(self, error: OSError) -> MftError:
        again = f"mft run --resume --output {shlex.quote(str(self.run))}"
        return MftError(
            f"{self.path} cannot be written: {error.strerror or error}",
            f"Free some space there, then go on from the last checkpoint: {again}",
        )
