"""Writing that survives a crash at any moment: a file or a folder appears under its name whole, or not at all.

What is being written lies beside its target as `.NAME.HOST-0123456789abcdef.partial`, locked by its writer, and is
flushed to disk before it takes the target's name. What a killed process leaves under such a name is removed by the
next write into the same parent folder from the same machine. On file systems without locks it stays, since somebody
may still be writing it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from mft_core.support.redact import redact

PARTIAL = "partial"
REPLACED = "replaced"


def file_digest(path: Path) -> str:
    """SHA-256 of a file of any size, as hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Have a file's contents, or a folder's entries (creations, renames), on disk before going on.

    Raises:
        OSError: they cannot be written.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder that may be there already, with its parents, and have them on disk before going on.

    Raises:
        OSError: it cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        sync(folder.parent)


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole, in UTF-8, without secrets.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    with whole_file(path) as stream:
        stream.write(redact(text).encode())


def append_whole(path: Path, data: bytes, *, flush: bool = False) -> int:
    """Append to a file, made if missing: all of `data` or, where the disk is full, nothing of it.

    Args:
        flush: have it on disk before returning.

    Returns:
        Where it begins in the file, in bytes.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    with path.open("ab", buffering=0) as stream:
        end = stream.seek(0, os.SEEK_END)
        try:
            written = 0
            while written < len(data):  # a disk with room for a part takes that part
                written += stream.write(data[written:])
            if flush:
                os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                stream.truncate(end)
            raise
    return end


@contextmanager
def whole_file(target: Path) -> Iterator[IO[bytes]]:
    """A stream to write, which replaces `target` only when the block ends without an exception.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    target = target.resolve()
    with _temporary(target, Path.touch) as temporary, temporary.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
        temporary.replace(target)
        sync(target.parent)


@contextmanager
def whole_folder(target: Path, keep_existing: Callable[[Path], bool] | None = None) -> Iterator[Path]:
    """A new folder to fill, which takes `target`'s name and place only when the block ends without an exception.

    Args:
        target: a folder, there or not; its parents are made.
        keep_existing: asked at the end, if there is a folder at `target` by then: where it says yes, that one stays
            and the new one is dropped. Without it an existing folder is replaced. No process sees half of either;
            killed between the two renames of a replacement, the old one still lies there as `.NAME....replaced`.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    target = target.resolve()
    with _temporary(target, Path.mkdir) as temporary:
        yield temporary
        _sync_tree(temporary)
        aside = _beside(target, REPLACED)
        _take_name(temporary, target, aside, keep_existing)
        sync(target.parent)
        _remove(aside)


def is_temporary(name: str) -> bool:
    """Whether a file or folder of this name is being written, or was left by a killed writer."""
    return name.startswith(".") and name.endswith(f".{PARTIAL}")


def remove_folder(target: Path) -> None:
    """Delete a folder so that no process, now or after a crash, finds half of it under its name.

    Raises:
        OSError: it is not there, or must not be deleted.
    """
    doomed = _beside(target, PARTIAL)
    target.rename(doomed)
    _remove(doomed)


def _take_name(temporary: Path, target: Path, aside: Path, keep_existing: Callable[[Path], bool] | None) -> None:
    while not _renamed(temporary, target):
        if keep_existing is not None and keep_existing(target):
            return
        _remove(aside)
        with suppress(FileNotFoundError):  # another process was quicker to move it away
            target.rename(aside)


def _renamed(source: Path, target: Path) -> bool:
    """Rename a folder; False where there is another one of that name, with something in it."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _sync_tree(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            _sync_tree(path)
        elif path.is_file():
            sync(path)
    sync(folder)


@contextmanager
def _temporary(target: Path, make: Callable[[Path], Any]) -> Iterator[Path]:
    """A new file or folder beside `target`, locked for the time of the block, then removed if it is still there."""
    make_folder(target.parent)
    _clear(target.parent)
    temporary, lock = _claim(target, make)
    try:
        yield temporary
    finally:
        _remove(temporary)
        os.close(lock)


def _claim(target: Path, make: Callable[[Path], Any]) -> tuple[Path, int]:
    """A new file or folder beside `target`, and the descriptor that locks it until it is closed."""
    while True:
        temporary = _beside(target, PARTIAL)
        make(temporary)
        with suppress(FileNotFoundError):  # another process took it for a leftover before it was locked
            lock = os.open(temporary, os.O_RDONLY)
            with suppress(OSError):  # a file system without locks, where nobody clears anything either
                fcntl.flock(lock, fcntl.LOCK_EX)
            if temporary.exists():
                return temporary, lock
            os.close(lock)


def _clear(folder: Path) -> None:
    """Remove what killed processes of this machine left in `folder`; the last good state of a target is kept.

    Locks of folders do not reach other machines over a network file system, hence the host in the name.
    """
    pattern = re.compile(rf"\.(.+)\.{re.escape(os.uname().nodename)}-[0-9a-f]{{16}}\.({PARTIAL}|{REPLACED})")
    with suppress(OSError):
        for path in folder.iterdir():
            match = pattern.fullmatch(path.name)
            if match and (match[2] == PARTIAL or (folder / match[1]).exists()):
                _remove_unless_locked(path)


def _remove_unless_locked(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _beside(target: Path, state: str) -> Path:
    return target.with_name(f".{target.name}.{os.uname().nodename}-{secrets.token_hex(8)}.{state}")
