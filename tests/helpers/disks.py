"""Disks without room."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def fill(folder: Path) -> Path:
    """Take what is left of the disk that a folder lies on; returns the file to remove for room."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(4096))
    return path
