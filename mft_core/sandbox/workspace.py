"""The one folder that a sandboxed program may write to, where the kernel gives it no file system of its own."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import ENAMETOOLONG
from functools import cache
from pathlib import Path, PurePosixPath

from mft_core.errors import MftError
from mft_core.sandbox.users import can_change_user, everybody_can_read, is_sandbox_user

PREFIX = "mft-sandbox-"
BLOCK = 512
TOO_MANY = 10**9


@contextmanager
def workspace(files: Mapping[str, bytes | str], user: int | None) -> Iterator[Path]:
    """A new folder that holds `files` (relative names) and belongs to `user`; removed at the end with all in it.

    Raises:
        MftError: a name is absolute or leaves the folder; no folder for temporary files is open to everybody.
    """
    parent = _parent(user)
    _remove_left_ones(parent)
    folder, held = _new_folder(parent)
    try:
        for name, content in files.items():
            _write(folder, name, content)
        if user is not None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, user, user)
        yield folder
    finally:
        _remove(folder)
        os.close(held)


def _new_folder(parent: str) -> tuple[Path, int]:
    """A folder, and a descriptor whose lock says that its process lives: no kill and no crash leaves a lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        held = _lock(folder)
        if held is not None:
            return folder, held


def _lock(folder: Path) -> int | None:
    """The locked folder; None where another process holds it, or has just removed it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), folder.lstat()):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


@cache
def _remove_left_ones(parent: str) -> None:
    """Removes, once in a process, the folders whose processes were killed before they could."""
    for folder in Path(parent).glob(f"{PREFIX}*"):
        held = _lock(folder) if _is_ours(folder) else None
        if held is not None:
            _remove(folder)
            os.close(held)


def _is_ours(folder: Path) -> bool:
    """Whether the folder belongs to this user or, where this is root, to a user of a sandbox."""
    try:
        owner = folder.lstat().st_uid
    except OSError:
        return False
    return owner == os.geteuid() or (can_change_user() and is_sandbox_user(owner))


def _remove(folder: Path) -> None:
    """By rm, because it walks trees of any depth: shutil.rmtree recurses."""
    subprocess.run(["rm", "-rf", "--one-file-system", "--", str(folder)], check=False, capture_output=True)


def _parent(user: int | None) -> str:
    candidates = [tempfile.gettempdir(), "/tmp", "/var/tmp"]
    for candidate in candidates:
        if user is None or everybody_can_read(Path(candidate)):
            return candidate
    raise MftError("no folder for temporary files is open to every user", "set TMPDIR to one that is, such as /tmp")


def _write(folder: Path, name: str, content: bytes | str) -> None:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise MftError(f"a sandbox's file may not be named {name!r}", "give a name inside of its folder")
    path = folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    path.chmod(0o700)


def usage(folder: Path) -> tuple[int, int]:
    """Bytes on disk and number of files and folders below the folder; a path the kernel refuses counts as too many."""
    total, count = 0, 0
    waiting = [str(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
            total += sum(entry.stat(follow_symlinks=False).st_blocks * BLOCK for entry in entries)
            waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            # What vanishes in between is counted the next time.
            count += TOO_MANY if error.errno == ENAMETOOLONG else 0
            continue
        count += len(entries)
    return total, count
