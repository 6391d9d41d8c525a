"""What a safetensors file says of itself before its numbers, checked against its length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mft_core.errors import MftError

LENGTH_BYTES = 8
LONGEST_HEADER = 100_000_000
"""Bytes; safetensors itself reads no longer one."""
FETCH_AGAIN = "The file was cut short or damaged on its way: fetch it again."


def read_header(path: Path) -> dict[str, Any]:
    """Tensor names to "dtype", "shape" and "data_offsets"; "__metadata__" may be among them.

    Raises:
        MftError: the file is no safetensors file, or is shorter or longer than its header says.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(LENGTH_BYTES), "little")
        if length > min(size - LENGTH_BYTES, LONGEST_HEADER):
            raise MftError(f"{path} ends within its header ({size:,} bytes).", FETCH_AGAIN)
        try:
            header = json.loads(stream.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            expected = LENGTH_BYTES + length + max(ends, default=0)
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise MftError(f"{path} is no safetensors file: its header cannot be read.", FETCH_AGAIN) from error
    if size != expected:
        raise MftError(f"{path} has {size:,} bytes; its header says {expected:,}.", FETCH_AGAIN)
    return header
