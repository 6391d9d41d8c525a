"""How much memory a piece of work takes beyond what its process already holds: resident (Linux), or on a GPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

KB = 1024


def peak_mb(work: Callable[[], object]) -> float:
    """Largest resident memory while `work` runs, less what was resident before, MB. Run it once before, to warm up."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # else memory that was freed, and is used again, would not show
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the high-water mark
    work()
    return max(0.0, (_status("VmHWM") - before) / KB)


def gpu_peak_mb(work: Callable[[], object]) -> float:
    """Largest memory of tensors on the GPU while `work` runs, less what they had before, MB."""
    import torch

    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    work()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def _status(field: str) -> int:
    """A field of this process's status, in KB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))
