"""Users that exist for one sandbox run each, so that a run's processes can be counted, limited and ended."""

from __future__ import annotations

import os
import random
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mft_core.errors import MftError
from mft_core.sandbox.processes import all_processes

# Between the ranges that Debian and systemd give away: nobody logs in under these numbers.
FIRST_USER, FIRST_REAPER, USERS = 60706, 60906, 200


@dataclass(frozen=True)
class SandboxUser:
    number: int
    reaper: int


def can_change_user() -> bool:
    return os.geteuid() == 0


def is_sandbox_user(number: int) -> bool:
    return FIRST_USER <= number < FIRST_USER + USERS


@contextmanager
def sandbox_user() -> Iterator[SandboxUser]:
    """A user no other run on this machine has; held by an abstract socket's name, which no crash leaves behind.

    Raises:
        MftError: 200 sandboxes run already.
    """
    taken = {process.user for process in all_processes()}
    for slot in random.sample(range(USERS), USERS):
        if {FIRST_USER + slot, FIRST_REAPER + slot} & taken:
            continue
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reservation:
            try:
                reservation.bind(f"\0mft-sandbox-user-{FIRST_USER + slot}")
            except OSError:
                continue
            yield SandboxUser(FIRST_USER + slot, FIRST_REAPER + slot)
            return
    raise MftError("all sandbox users are taken", f"let fewer than {USERS} judgements run at the same time")


def everybody_can_read(path: Path) -> bool:
    """Whether a user without rights reaches this file or folder."""
    resolved = path.resolve()
    if not resolved.exists() or not resolved.stat().st_mode & stat.S_IROTH:
        return False
    folders = resolved.parents if resolved.is_file() else (resolved, *resolved.parents)
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)
