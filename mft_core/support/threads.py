"""How many threads torch computes with on a CPU."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def set_threads() -> int:
    """Give this process its share of the processors it may use; returns how many threads torch computes with now.

    Calling it again changes nothing.

    Torch starts a thread per core it sees. It does not see that a container may use fewer, nor that other ranks of the
    run compute on the same machine. Whoever sets OMP_NUM_THREADS has decided: then nothing changes (`torchrun` sets it
    to 1 where nobody has).
    """
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        torch.set_num_threads(min(torch.get_num_threads(), max(1, allowed_processors() // ranks)))
    return torch.get_num_threads()


def allowed_processors(limit: Path = CGROUP_LIMIT) -> int:
    """Processors that this process may run on at a time, by its affinity and its container's limit; at least 1."""
    visible = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = limit.read_text(encoding="ascii").split()
        return max(1, min(visible, int(quota) // int(period)))
    except (OSError, ValueError):  # no such file here, or "max": no limit
        return visible
