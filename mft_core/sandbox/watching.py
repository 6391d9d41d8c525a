"""Watches a running program: its output, its time, its memory, its files."""

from __future__ import annotations

import os
import selectors
import stat
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mft_core.sandbox.isolation import INSIDE, TierName
from mft_core.sandbox.limits import Limits
from mft_core.sandbox.outcome import Verdict
from mft_core.sandbox.processes import Process, ProcessGroup
from mft_core.sandbox.streams import Stream
from mft_core.sandbox.workspace import BLOCK, usage

FIRST_INSPECTION_SECONDS = 0.03
INSPECTION_SECONDS = 0.05
# An inspection may take at most this part of the supervisor's time, on machines with many processes.
INSPECTION_SHARE = 0.1
# bwrap's own process outside, and the one that waits.
TIER_PROCESSES = 2


@dataclass(frozen=True)
class Stopped:
    """Why a program has to be stopped."""

    verdict: Verdict
    detail: str


@dataclass
class Watch:
    """One running program. `outputs` are bounded, `notices` are the tier's own messages."""

    process: subprocess.Popen[bytes]
    group: ProcessGroup
    limits: Limits
    tier: TierName
    folder: Path
    outputs: Sequence[Stream]
    notices: Sequence[Stream]

    def until_the_end(self, started: float, stop_descriptor: int | None) -> Stopped | None:
        """None when the program ended by itself."""
        process_descriptor = os.pidfd_open(self.process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                for stream in (*self.outputs, *self.notices):
                    selector.register(stream.reading, selectors.EVENT_READ, stream)
                selector.register(process_descriptor, selectors.EVENT_READ, "ended")
                if stop_descriptor is not None:
                    selector.register(stop_descriptor, selectors.EVENT_READ, "stop")
                return self._loop(selector, started)
        finally:
            os.close(process_descriptor)

    def _loop(self, selector: selectors.BaseSelector, started: float) -> Stopped | None:
        deadline = started + self.limits.seconds
        inspection = started + FIRST_INSPECTION_SECONDS
        while True:
            timeout = max(0.0, min(deadline, inspection) - time.monotonic())
            events = {self._handle(selector, key) for key, _ in selector.select(timeout)}
            if "ended" in events:
                return None
            if "stop" in events:
                return Stopped("no_verdict", "stopped by its judge")
            if any(stream.overflowed for stream in self.outputs):
                return Stopped("output_limit", f"more than {self.limits.output_bytes} bytes of output")
            now = time.monotonic()
            if now >= deadline:
                return Stopped("timeout", f"more than {self.limits.seconds:g} s")
            if now >= inspection:
                reason = self._inspect()
                if reason is not None:
                    return reason
                after = time.monotonic()
                inspection = after + max(INSPECTION_SECONDS, (after - now) / INSPECTION_SHARE)

    @staticmethod
    def _handle(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> str:
        if not isinstance(key.data, Stream):
            return str(key.data)
        if not key.data.read():
            selector.unregister(key.fileobj)
        return "read"

    def _inspect(self) -> Stopped | None:
        members = self.group.members()
        memory = sum(process.memory for process in members)
        if memory > self.limits.memory_bytes:
            return Stopped("oom", f"{memory} bytes of memory in {len(members)} processes")
        if len(members) > self.limits.processes + TIER_PROCESSES:
            return Stopped("crash", f"more than {self.limits.processes} processes")
        size, count = self._files(members)
        if size > self.limits.file_bytes or count > self.limits.files:
            return Stopped("output_limit", f"{size} bytes in {count} files")
        return None

    def _files(self, members: Sequence[Process]) -> tuple[int, int]:
        """Bytes and number of files; bubblewrap's file system bounds the bytes by itself."""
        if self.tier == "bubblewrap":
            return 0, max((files_in_memory(process.pid) for process in members), default=0)
        size, count = usage(self.folder)
        return size + _nameless_bytes(members), count


def files_in_memory(pid: int) -> int:
    """Files in the file system that bubblewrap gave to this process; 0 for bubblewrap's own processes.

    One descriptor answers both questions: while bubblewrap changes its root, the same path leads for an instant to the
    machine's own folder.
    """
    try:
        folder = os.open(f"/proc/{pid}/root{INSIDE}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        if os.fstat(folder).st_dev == Path(INSIDE).stat().st_dev:
            return 0
        system = os.fstatvfs(folder)
    except OSError:
        return 0
    finally:
        os.close(folder)
    return system.f_files - system.f_ffree


def _nameless_bytes(members: Sequence[Process]) -> int:
    """Disk space of files that were removed while open."""
    sizes = {}
    for process in members:
        try:
            descriptors = list(os.scandir(f"/proc/{process.pid}/fd"))
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                status = Path(descriptor.path).stat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                sizes[status.st_dev, status.st_ino] = status.st_blocks * BLOCK
    return sum(sizes.values())
