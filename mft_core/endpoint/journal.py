"""The file of requests and responses: JSON lines that are on disk before work goes on, read from there when needed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mft_core.errors import MftError
from mft_core.support.durable import append_whole, make_folder, sync


class LinePlace(NamedTuple):
    """Where a line lies in the file, in bytes."""

    start: int
    length: int


Take = Callable[[LinePlace, dict[str, Any]], None]


@dataclass(slots=True)
class _Batch:
    """Lines of several threads that are written together.

    Attributes:
        start: of the first line in the file, once they are written.
        failure: why they are not.
    """

    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    start: int | None = None
    failure: OSError | None = None

    @property
    def open(self) -> bool:
        return self.start is None and self.failure is None


class RequestJournal:
    """One JSONL file, appended to by many threads at once, of which no more than places is kept in memory.

    Threads that wait for the disk share one flush: while one batch of lines is written, the next one gathers.

    Args:
        path: made, with its folder, by the first `append`. A torn last line, of a writer that was killed, is cut off.
        take: called with every line that is there, in order.

    Raises:
        MftError: a line is no JSON object, or not one that `take` knows: somebody else wrote into the file.
    """

    def __init__(self, path: Path, take: Take) -> None:
        self.path = path
        self._adding, self._writing = threading.Lock(), threading.Lock()
        self._gathering = _Batch()
        if path.exists():
            self._read(take)

    def append(self, record: Mapping[str, Any]) -> LinePlace:
        """Write a record and have it on disk before returning.

        Raises:
            MftError: the file cannot be written; nothing of the record is in it.
        """
        line = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with self._adding:
            batch = self._gathering
            before = batch.size
            batch.lines.append(line)
            batch.size += len(line)
        with self._writing:  # whoever comes first writes for all who wait behind
            if batch.open:
                with self._adding:
                    self._gathering = _Batch()
                self._write(batch)
        if batch.start is None:
            assert batch.failure is not None
            raise MftError(
                f"{self.path} cannot be written: {batch.failure.strerror}", "Free some space, then rerun."
            ) from batch.failure
        return LinePlace(batch.start + before, len(line))

    def read(self, place: LinePlace) -> dict[str, Any]:
        """The record at a place.

        Raises:
            MftError: it is not there any more.
        """
        try:
            with self.path.open("rb") as stream:
                stream.seek(place.start)
                return dict(json.loads(stream.read(place.length)))
        except (OSError, ValueError, TypeError) as error:
            raise MftError(
                f"{self.path} is not what it was: {type(error).__name__} {error}",
                "Somebody else changed it. Rerun: what is whole in it is kept.",
            ) from error

    def _write(self, batch: _Batch) -> None:
        try:
            is_new = not self.path.exists()
            if is_new:
                make_folder(self.path.parent)
            start = append_whole(self.path, b"".join(batch.lines), flush=True)
            if is_new:
                sync(self.path.parent)
            batch.start = start
        except OSError as error:
            batch.failure = error

    def _read(self, take: Take) -> None:
        """Hand out the whole lines, and cut off what follows them."""
        start, torn = 0, False
        try:
            with self.path.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    if torn := not line.endswith(b"\n"):
                        break
                    self._hand_out(take, LinePlace(start, len(line)), line, number)
                    start += len(line)
            if torn:
                with self.path.open("r+b") as stream:
                    stream.truncate(start)
        except OSError as error:
            raise MftError(f"{self.path} cannot be used: {error.strerror}", "See to its rights.") from error

    def _hand_out(self, take: Take, place: LinePlace, line: bytes, number: int) -> None:
        try:
            take(place, dict(json.loads(line)))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise MftError(
                f"{self.path}:{number} is no line of this journal: {type(error).__name__} {error}",
                "Remove the line, or choose another --output.",
            ) from error
