"""Two ranks that write checkpoints in parts, and are killed, or find a full disk, at chosen places."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

from helpers.forked_ranks import run_on_ranks
from mft_core.errors import MftError
from mft_core.support import durable
from mft_core.support.ranks import process_state, rank_and_ranks
from mft_core.training import checkpoint_files, sharded_files
from mft_core.training.checkpoint import CheckpointFolder

WHOLE = {"weight": torch.arange(30.0, dtype=torch.float64).reshape(5, 6), "bias": torch.arange(1.0)}
"""Five rows, and one, are spread unevenly over two ranks."""
PLACES = {
    "before its part": (checkpoint_files, "write_parts", 1, False),
    "after its part": (checkpoint_files, "write_parts", 1, True),
    "before the state": (checkpoint_files, "_write_rest", 0, False),
    "before the name": (durable, "_take_name", 0, False),
    "after the name": (durable, "_take_name", 0, True),
}
"""By name: module and function that a rank is killed before or after, and which rank that is."""


def spread(tensor: torch.Tensor) -> torch.Tensor:
    """A whole tensor over all ranks, by its rows."""
    _, ranks = rank_and_ranks()
    return distribute_tensor(tensor, init_device_mesh("cpu", (ranks,)), [Shard(0)])


def save(path: Path, *steps: int, rows: int = 5) -> CheckpointFolder:
    """Checkpoints of these steps, whose weights are the step times `WHOLE`."""
    process_state()
    folder = CheckpointFolder(path, keep=9, in_parts=True)
    for step in steps:
        model = {name: spread(step * tensor) for name, tensor in WHOLE.items()}
        if rows != len(WHOLE["weight"]):
            model["weight"] = spread(torch.full((rows, 6), float(step)))
        folder.save(step, {"model": model, "optimizer": {"weight|step": torch.tensor(float(step))}}, {"at": step})
    return folder


def kill(*_args: object) -> None:
    """This process, as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def around(function: Callable[..., object], after: bool, *args: object) -> object:
    """Kill this process before a call, or after it."""
    if not after:
        kill()
    function(*args)
    return kill()


def save_and_be_killed(path: Path, place: str) -> None:
    """Step 1 whole; of step 2 as much as there is when a rank is killed."""
    save(path, 1)
    module, name, victim, after = PLACES[place]
    if rank_and_ranks()[0] == victim:
        setattr(module, name, partial(around, getattr(module, name), after))
    save(path, 2)


def be_killed_everywhere(root: Path) -> None:
    """At each of the places, in a folder of its name; then two new processes write step 3 there."""
    for place in PLACES:
        with pytest.raises(RuntimeError, match="ended with -9"):
            run_on_ranks(2, partial(save_and_be_killed, root / place, place))
        (root / place / "seen").write_text(" ".join(sorted(entry.name for entry in (root / place).glob("step-*"))))
        run_on_ranks(2, partial(save, root / place, 3))


def save_until_killed(path: Path, rank: int, seconds: float) -> None:
    """Ever more steps, until one of the ranks is killed, at no chosen place."""
    save(path, 1)
    if rank_and_ranks()[0] == rank:
        threading.Timer(seconds, kill).start()
    for step in range(2, 10_000):
        save(path, step, rows=50_000)


def be_killed_at_times(root: Path) -> None:
    """Each rank at several times."""
    for number in range(6):
        with pytest.raises(RuntimeError, match="ended with -9"):
            run_on_ranks(2, partial(save_until_killed, root / str(number), number % 2, 0.05 + 0.037 * number))


def fill_the_disk(path: Path) -> None:
    """Every rank is told, and has the exception that the one without room had."""
    save(path, 1)
    with pytest.raises(MftError, match=r"step 2 could not be written .*rank \d of 2") as error:
        save(path, 2, rows=200_000)
    assert "last good checkpoint: step 1" in error.value.hint
    save(path, 3)


def save_small_files(path: Path) -> None:
    """No two tensors in one file."""
    sharded_files.FILE_BYTES = 8
    save(path, 1)


def load_together(path: Path) -> None:
    """The newest good one, on two ranks at once: rank by rank the same, and each has its part."""
    process_state()
    found = CheckpointFolder(path, keep=9).load_latest()
    assert found is not None
    part = sharded_files.placed(found.tensors["model"], "weight", spread(torch.zeros_like(WHOLE["weight"])))
    assert torch.equal(part.full_tensor(), found.step * WHOLE["weight"])
    if rank_and_ranks()[0] == 0:
        (path / "found").write_text(str(found.step))


def read_own_file(path: Path) -> None:
    """This rank's part of the newest, when the other rank's file is gone."""
    process_state()
    rank, _ = rank_and_ranks()
    own = shutil.copytree(path, path.parent / f"of rank {rank}")
    found = CheckpointFolder(own, keep=9).load_latest()
    assert found is not None
    for file in own.glob(f"step-{found.step:06d}/shard-0000{2 - rank}-*"):
        file.unlink()
    like = spread(torch.zeros_like(WHOLE["weight"]))
    part = sharded_files.placed(found.tensors["model"], "weight", like)
    assert torch.equal(part.to_local(), spread(found.step * WHOLE["weight"]).to_local())
