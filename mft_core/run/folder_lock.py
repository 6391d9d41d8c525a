"""One process at a time in a run's folder."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from mft_core.errors import MftError
from mft_core.support import run_files
from mft_core.support.durable import make_folder

ATTEMPTS = 20
"""How often the folder may go while it is being locked, as others that made it and leave it empty remove it."""


class FolderLock:
    """Holds a folder for this process. Let go, a folder in which nothing was written is as it was before.

    The lock is the operating system's: it goes with the process, so a killed run leaves nothing to clean up.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / run_files.LOCK
        self._made: list[Path] = []
        self._lock: IO[str] | None = None

    def take(self) -> None:
        """Make the folder if it is missing, and lock it.

        Raises:
            MftError: it cannot be written, or another process holds it.
        """
        missing = [each for each in (self._folder, *self._folder.parents) if not each.exists()]
        try:
            lock = self._locked()
        except OSError as error:
            raise MftError(f"cannot write to {self._folder}: {error.strerror}", "choose another --output") from error
        self._lock, self._made = lock, missing

    def release(self) -> None:
        """Let others use the folder."""
        if self._lock is None:
            return
        if [path.name for path in self._folder.iterdir()] == [self._file.name]:
            self._file.unlink()
            with suppress(OSError):  # somebody else has put something there, which stays
                for folder in self._made:
                    folder.rmdir()
        self._lock.close()
        self._lock = None

    def _locked(self) -> IO[str]:
        for _ in range(ATTEMPTS):
            with suppress(FileNotFoundError):
                make_folder(self._folder)
                lock = self._file.open("a+", encoding="utf-8")
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    lock.close()
                    raise MftError(
                        f"another run is writing to {self._folder}", "wait, or choose another --output"
                    ) from error
                if self._is_there(lock):
                    return lock
                lock.close()
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _is_there(self, lock: IO[str]) -> bool:
        """Whether the file locked is the one of that name still: it may have been removed before it was locked."""
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(lock.fileno()), self._file.stat())
        return False
