"""Arrays in files, memory-mapped without an open file each."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def mapped_array(path: Path) -> np.ndarray:
    """A one-dimensional .npy file, memory-mapped."""
    with path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read_header[version](stream)
        begin = stream.tell()
    return mapped(path)[begin : begin + shape[0] * dtype.itemsize].view(dtype)


def mapped(path: Path) -> np.ndarray:
    """uint8, read-only: a file, memory-mapped, without keeping it open.

    Each of numpy's maps holds a file descriptor for as long as it lives, of which a process has about a thousand: a run
    of 150 tasks ran out of them. Torch's maps close the file.
    """
    import torch  # here, because mistakes in a recipe are answered without it

    size = path.stat().st_size
    if size == 0:
        return np.zeros(0, np.uint8)
    array: np.ndarray = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8).numpy()
    array.flags.writeable = False
    return array
