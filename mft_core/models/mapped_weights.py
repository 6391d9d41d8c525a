"""Weights that are views of their files, which all processes of a machine share, and those that a process holds itself.

Safetensors are mapped into memory; what is loaded in the dtype and the layout that it is stored in stays there, and
takes no memory of a process until it is spread over several.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

MAPS = Path("/proc/self/maps")
MUCH, SHARE = 100 * 2**20, 0.2
"""Bytes, and the share of the model, from which on it is said that they are held by each process."""


def held_bytes(model: nn.Module) -> int:
    """Bytes of parameters on the CPU that are this process's own memory; 0 where the system does not tell."""
    files = _mapped_files()
    if not files:
        return 0
    starts = [start for start, _ in files]

    def is_in_a_file(address: int) -> bool:
        place = bisect_right(starts, address) - 1
        return place >= 0 and address < files[place][1]

    own = [parameter for parameter in model.parameters() if parameter.device.type == "cpu"]
    return sum(parameter.nbytes for parameter in own if not is_in_a_file(parameter.data_ptr()))


def whole_copy_warning(model: nn.Module, much: int = MUCH) -> str:
    """What to say of a loaded model that is to be spread over processes, if each first holds much of it; else "".

    Args:
        much: bytes that go unsaid.
    """
    held, size = held_bytes(model), sum(parameter.nbytes for parameter in model.parameters())
    if held <= max(much, SHARE * size):
        return ""
    return (
        f"each process holds {held / 2**30:.1f} GiB of the model in main memory until it is spread, since the base is "
        "converted as it is loaded: its files have another dtype than model.dtype and tune.method make of it, or "
        "another layout; a base stored as it is trained is mapped from its files instead"
    )


def _mapped_files() -> list[tuple[int, int]]:
    """Start and end addresses of files in this process's memory, in order; none where the system does not tell."""
    try:
        lines = MAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        addresses, _, _, _, inode, *_ = line.split(maxsplit=5)
        if inode != "0":
            start, end = addresses.split("-")
            found.append((int(start, 16), int(end, 16)))
    return sorted(found)
