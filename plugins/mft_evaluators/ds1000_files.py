"""The files of DS-1000: inputs and answers as published, results as programs leave them. None is opened here."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from mft_core.errors import MftError

ARCHIVES = ("ds1000_io.tar.xz", "ds1000_io.tar.gz", "ds1000_io.tar", "ds1000_io")
LENGTH = re.compile(rb"[ ]*([0-9]{1,12})\n")
ANSWER = re.compile(r"(.+/ans_[^/]+)/ans(\d+)\.pkl")


def read_archive(folder: Path) -> dict[str, bytes]:
    """Inputs and answers by path, such as "Numpy/input_1/input1.pkl".

    Raises:
        MftError: there are none in `folder`.
    """
    place = next((folder / name for name in ARCHIVES if (folder / name).exists()), None)
    if place is None:
        hint = "Put ds1000_io.tar.xz, or its content as the folder ds1000_io, beside the problems."
        raise MftError(f"ds1000: {folder} has no inputs and answers", hint)
    if place.is_dir():
        return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with tarfile.open(place) as archive:
        return dict(members(archive))


def members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Files of an archive with their paths."""
    for member in archive:
        file = archive.extractfile(member) if member.isfile() else None
        if file is not None:
            yield str(PurePosixPath(member.name)), file.read()


def answers_in(archive: Mapping[str, bytes]) -> dict[str, list[int]]:
    """The numbers of the answers by their folder in the archive."""
    found: dict[str, list[int]] = {}
    for path in archive:
        if match := ANSWER.fullmatch(path):
            found.setdefault(match[1], []).append(int(match[2]))
    return found


def packing(paths: Sequence[str]) -> str:
    """The end of a shell's command line that writes files to descriptor 3, for `results_in`."""
    return "".join(f" && wc -c <{path} >&3 && cat {path} >&3" for path in paths)


def results_in(packed: bytes, cases: Sequence[str]) -> dict[str, bytes]:
    """The results, by test case, up to the first that is not there in full.

    Args:
        packed: for each case the length in decimal digits, a line end, and so many bytes. An untrusted program may have
            written it: nothing is believed but lengths that fit, and nothing takes more memory than `packed` itself.
    """
    found: dict[str, bytes] = {}
    start = 0
    for case in cases:
        head = LENGTH.match(packed, start)
        if head is None or head.end() + int(head[1]) > len(packed):
            break
        start = head.end() + int(head[1])
        found[case] = packed[head.end() : start]
    return found


def problem_number(row: Mapping[str, Any]) -> str:
    """As the archive has it."""
    return str(row["task_id"]).rpartition("/")[2]
