"""Recorded checksums compared with the files that they are of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path


def check_files(
    folder: Path,
    recorded: object,
    needed: Iterable[str],
    digest: Callable[[Path], object],
    rank: int = 0,
    ranks: int = 1,
) -> None:
    """Compare every file that a record names, and see to it that it names every one needed.

    Args:
        recorded: as parsed from JSON: names of plain files of `folder` to their digests.
        needed: names that must be among them.
        digest: of a file.
        rank: of the processes that share the work: each reads some of the files, and looks that all are there.
        ranks: how many these are.

    Raises:
        ValueError: the record is no such object, lacks a file, or names one that is not there, lies elsewhere, or has
            another digest; the message names it.
        OSError: a file cannot be read.
    """
    if not isinstance(recorded, dict):
        raise ValueError("its checksums are no JSON object")
    unnamed = sorted(set(needed) - recorded.keys())
    if unnamed:
        raise ValueError(f"there is no checksum of {unnamed[0]}")
    for number, (name, expected) in enumerate(recorded.items()):
        path = folder / name
        if path.parent != folder or path.is_symlink() or not path.is_file():
            raise ValueError(f"{name!r}, of which there is a checksum, is no file in it")
        if number % ranks == rank and digest(path) != expected:
            raise ValueError(f"{path} is damaged (its checksum does not match)")
