"""Processes of a run that hang: named by the others, which then end instead of waiting.

A process that dies breaks its connections, and `lost_ranks` tells of that. One that is stopped, or whose machine or
file system has frozen, keeps them, and the others wait in a collective. So a thread of each process gives a sign of
life every few seconds, and looks at those of the others. It goes on while the main thread evaluates, has the model
write answers or saves, however long that takes. What counts as hanging, when it lasts for the recipe's limit:

- no sign of life at all;
- signs of life, but a main thread that in the middle of a step neither computes nor begins a collective that others
  have begun already.

The thread ends the process itself: nothing in Python can interrupt a collective that the main thread waits in.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from mft_core.errors import MftError
from mft_core.support.durable import remove_folder
from mft_core.support.life_signs import (
    LifeSign,
    LifeSigns,
    collectives_begun,
    main_thread_place,
    main_thread_seconds,
)
from mft_core.support.ranks import gather, rank_and_ranks

BEAT = 5.0
"""Seconds between two signs of life; fewer under a low limit."""
LOOKS = 4
"""Signs of life within the limit, at least."""


class Member(NamedTuple):
    """Where a rank runs."""

    host: str
    process: int


class RankWatch:
    """Within its context, ranks that hang are noticed; one process alone watches nobody.

    Entered and left by all ranks at about the same time, since who has left gives no sign of life.

    Args:
        folder: where the signs of life go; all ranks see it.
        limit: seconds after which a rank counts as hanging; 0: nobody is watched.
        state: optimizer steps done, and whether the main thread is in one, as `LifeSign.trains`.
        advice: how to go on, in words.
    """

    def __init__(
        self, folder: Path, limit: float, state: Callable[[], tuple[int, bool]], advice: Callable[[], str]
    ) -> None:
        self._rank, self._ranks = rank_and_ranks()
        self._folder, self._limit, self._state, self._advice = folder, limit, state, advice
        self._beat = min(BEAT, limit / LOOKS)
        self._beats = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._last: list[LifeSign | None] = [None] * self._ranks
        # Counted by this thread's own looks, not by the clock: a machine that was asleep itself accuses nobody.
        self._silent = [0.0] * self._ranks
        self._still = [0.0] * self._ranks

    def __enter__(self) -> RankWatch:
        if self._ranks > 1 and self._limit:
            if self._rank == 0 and self._folder.exists():
                remove_folder(self._folder)  # of an earlier start, which was killed
            told = gather((Member(socket.gethostname(), os.getpid()), secrets.token_hex(4)))
            self._members = [member for member, _ in told]
            # The first rank's word names a folder of this start alone: a file system may still show files of another.
            self._signs = LifeSigns(self._folder / told[0][1], self._rank, self._ranks)
            self._give()
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        if error is None:
            self._signs.remove()
            with suppress(OSError):  # others have not left yet
                self._folder.rmdir()

    def verdict(self, share: float = 0.5) -> MftError | None:
        """The error that names the ranks that hang; None: none has for this share of the limit."""
        if self._thread is None:
            return None
        least = share * self._limit
        furthest = max((sign.collectives for sign in self._last if sign), default=0)
        silent = [rank for rank in range(self._ranks) if self._silent[rank] >= least]
        stuck = [
            rank
            for rank, sign in enumerate(self._last)
            if sign and sign.trains and sign.collectives < furthest and self._still[rank] >= least
        ]
        if not (silent or stuck):
            return None
        # Where a rank is silent, those that do not get on may do so because of it.
        reason = "gave no sign of life" if silent else "did not get on, while others wait for it,"
        return self._error(silent or stuck, reason)

    def _error(self, hanging: list[int], reason: str) -> MftError:
        lines = [self._line(rank, reason) for rank in hanging]
        first = self._members[hanging[0]]
        hint = (
            f"Look at it on {first.host}: ps -o stat,wchan -p {first.process} (T: stopped, D: waits for a disk), "
            f"py-spy dump --pid {first.process}, dmesg, nvidia-smi. The limit is train.hang_limit; 0: wait.\n"
        )
        return MftError("\n".join(lines), hint + self._advice())

    def _line(self, rank: int, reason: str) -> str:
        host, process = self._members[rank]
        sign = self._last[rank]
        seconds = round(max(self._silent[rank], self._still[rank]))
        where = f" in step {sign.step + 1}, at {sign.place}" if sign else ""
        return f"rank {rank} of {self._ranks} hangs{where}: process {process} on {host} {reason} for {seconds} seconds"

    def _watch(self) -> None:
        while not self._stop.wait(self._beat):
            try:
                self._give()
                self._look()
                error = self.verdict(1.0)
            except Exception:  # noqa: BLE001 - a watch that fails must not pass for a rank that hangs, in silence
                traceback.print_exc()
                continue
            if error:
                self._end(error)

    def _give(self) -> None:
        self._beats += 1
        step, trains = self._state()
        place = main_thread_place()
        sign = LifeSign(self._beats, step, trains, collectives_begun(), main_thread_seconds(), place)
        # A file system that fails now and then is others' to tell of; who cannot write for long is named.
        with suppress(OSError):
            self._signs.give(sign)

    def _look(self) -> None:
        for rank, (sign, last) in enumerate(zip(self._signs.read(), self._last, strict=True)):
            changed = sign is not None and (last is None or sign.beat != last.beat)
            moved = sign is not None and (last is None or sign.progress != last.progress)
            self._silent[rank] = 0.0 if changed else self._silent[rank] + self._beat
            self._still[rank] = 0.0 if moved else self._still[rank] + self._beat
            self._last[rank] = sign or last

    def _end(self, error: MftError) -> None:
        """End this process, whatever its main thread waits for."""
        sys.stderr.write(f"error: {error}\n")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(error.exit_code)
