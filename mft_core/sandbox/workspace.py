"""The one folder that a sandboxed program may write to, where the kernel gives it no file system of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import ENAMETOOLONG
from pathlib import Path, PurePosixPath

from mft_core.errors import MftError
from mft_core.sandbox.users import everybody_can_read

BLOCK = 512
TOO_MANY = 10**9


@contextmanager
def workspace(files: Mapping[str, bytes | str], user: int | None) -> Iterator[Path]:
    """A new folder that holds `files` (relative names) and belongs to `user`; removed at the end with all in it.

    Raises:
        MftError: a name is absolute or leaves the folder; no folder for temporary files is open to everybody.
    """
    folder = Path(tempfile.mkdtemp(prefix="mft-sandbox-", dir=_parent(user)))
    try:
        for name, content in files.items():
            _write(folder, name, content)
        if user is not None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, user, user)
        yield folder
    finally:
        # rm, because it walks trees of any depth: shutil.rmtree recurses.
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
