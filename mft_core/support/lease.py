"""One process at a time, wherever a folder is seen from: a file with a heartbeat, for want of locks across machines.

Whoever made the file has the lease, and touches it every few seconds. Others watch it: once it has not changed for a
long time, by their own clocks, its holder is taken for dead and its file out of the way. A holder that was only held up
then works beside the next one, so what is done under a lease must be harmless if it is done twice.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BEAT, DEAD = 5.0, 60.0
"""Seconds between two signs of life, and without one, until a holder is taken for dead."""
POLL = 0.2


@contextmanager
def leased(path: Path, dead: float = DEAD) -> Iterator[None]:
    """Wait until no one else has the lease of this name, and hold it for the block.

    Args:
        path: of the file; its folder is there.
        dead: seconds without a sign of life after which another machine's holder counts as dead; processes of this
            machine that have ended do at once.

    Raises:
        OSError: the folder cannot be written.
    """
    mine = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "token": secrets.token_hex(8)})
    while not _made(path, mine):
        _wait(path, dead)
    stop = threading.Event()
    beating = threading.Thread(target=_beat, args=(path, stop), daemon=True)
    beating.start()
    try:
        yield
    finally:
        stop.set()
        beating.join()
        if _holder(path) == mine:
            path.unlink(missing_ok=True)


def _made(path: Path, content: str) -> bool:
    """Whether the file could be made."""
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(content)
    except FileExistsError:
        return False
    return True


def _wait(path: Path, dead: float) -> None:
    """Return once the file is gone; one whose holder is dead is moved out of the way first."""
    seen, since = None, time.monotonic()
    while (state := sign_of_life(path)) is not None:
        if state != seen:
            seen, since = state, time.monotonic()
        if _ended(state[0]) or time.monotonic() - since > dead:
            gone = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            with suppress(FileNotFoundError):
                path.rename(gone)  # of several that see it, one succeeds
                gone.unlink()
            return
        time.sleep(POLL)


def sign_of_life(path: Path) -> tuple[str, int] | None:
    """What changes as long as the holder lives: what the file says, and when it was touched; None: there is none."""
    with suppress(OSError):
        return _holder(path), path.stat().st_mtime_ns
    return None


def _holder(path: Path) -> str:
    with suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8")
    return ""


def _ended(holder: str) -> bool:
    """Whether the holder was a process of this machine that there is no more."""
    try:
        known = json.loads(holder)
        if known["host"] != socket.gethostname():
            return False
        os.kill(known["pid"], 0)
    except ProcessLookupError:
        return True
    except (ValueError, KeyError, TypeError, PermissionError):
        return False
    return False


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with suppress(OSError):
            os.utime(path)  # makes no file where somebody has taken it away
