"""Tensors that are spread over ranks, written by each rank as its own part and read back however they are spread then.

PyTorch's distributed checkpoints decide who writes what: what several ranks hold alike is written once, and a rank that
reads opens the files that hold something of its part alone. Parts are safetensors with their places in the header, so
nothing is unpickled. PyTorch's are imported where they are used: that takes most of a second, and few runs need them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from mft_core.support.ranks import rank_and_ranks
from mft_core.training.sharding import placed_like

FILE_BYTES = 2**30
"""About so much goes into one file: a rank holds the bytes of a file beside its tensors while it writes."""
STEM_END = "/"
"""Between a file stem of whole checkpoints ("model", "optimizer") and the name of a tensor."""


def write_parts(folder: Path, tensors: Mapping[str, Mapping[str, torch.Tensor]]) -> list[Path]:
    """Write this rank's part of every tensor; to be called on every rank.

    Args:
        folder: there already, the same on all ranks.
        tensors: by stem, then by name: sharded ones, or whole ones that are the same on all ranks.

    Returns:
        this rank's files, flushed to disk; none, where other ranks hold all that it does.

    Raises:
        OSError: a rank could not write; on every rank alike.
    """
    from torch.distributed.checkpoint import CheckpointException, HuggingFaceStorageWriter, save

    rank, ranks = rank_and_ranks()
    named = {f"{stem}{STEM_END}{name}": tensor for stem, group in tensors.items() for name, tensor in group.items()}
    numbers, total = {}, 0
    for name, tensor in named.items():
        numbers[name] = total // (FILE_BYTES * ranks) + 1
        total += tensor.nbytes
    writer = HuggingFaceStorageWriter(str(folder), fqn_to_index_mapping=numbers, save_distributed=True)
    try:
        save(named, storage_writer=writer)
    except CheckpointException as error:  # it is no Exception
        failed, (reason, _) = min(error.failures.items())
        raise OSError(f"rank {failed} of {ranks}: {reason}") from error
    return sorted(folder.glob(f"shard-{rank + 1:05d}-*.safetensors"))


class ShardedTensors(Mapping[str, torch.Tensor]):
    """Tensors that ranks have written in parts, read when they are asked for.

    Args:
        folder: whole and verified.
        stem: which of the tensors in it.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        from torch.distributed.checkpoint import HuggingFaceStorageReader

        self._prefix = f"{stem}{STEM_END}"
        self._reader = HuggingFaceStorageReader(str(folder))
        self._metadata = self._reader.read_metadata()
        self._reader.set_up_storage_reader(self._metadata, is_coordinator=True)

    def __iter__(self) -> Iterator[str]:
        return (key.removeprefix(self._prefix) for key in self._stored if key.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> torch.Tensor:
        """The whole tensor, on the processor."""
        stored = self._stored[self._prefix + name]
        return self._read(name, torch.empty(stored.size, dtype=stored.properties.dtype))

    def placed(self, name: str, like: torch.Tensor) -> torch.Tensor:
        """The tensor on the device of `like` and sharded as `like` is; of its shape, this rank's part alone is read."""
        stored = self._stored[self._prefix + name]
        if isinstance(like, DTensor) and stored.size == like.size():
            return self._read(name, torch.empty_like(like, dtype=stored.properties.dtype))
        return placed_like(self[name], like)

    @property
    def _stored(self) -> dict[str, Any]:
        return self._metadata.state_dict_metadata

    def _read(self, name: str, into: torch.Tensor) -> torch.Tensor:
        from torch.distributed.checkpoint import DefaultLoadPlanner

        planner = DefaultLoadPlanner()
        planner.set_up_planner({self._prefix + name: into}, self._metadata, is_coordinator=True)
        (plan,) = planner.create_global_plan([planner.create_local_plan()])
        self._reader.read_data(planner.finish_plan(plan), planner).wait()
        return into


def placed(tensors: Mapping[str, torch.Tensor], name: str, like: torch.Tensor) -> torch.Tensor:
    """One of the tensors of a checkpoint, on the device of `like` and sharded as `like` is."""
    return tensors.placed(name, like) if isinstance(tensors, ShardedTensors) else placed_like(tensors[name], like)
