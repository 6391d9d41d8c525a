"""The files of one checkpoint, in either form: whole tensors of the first rank, or each rank's part of them.

Beside the tensors lie `state.json` and `checksums.json`, a SHA-256 of each file; beside parts also `parts.json`, the
names of their files, without which one that went with its checksum would not be missed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mft_core.support.checksums import check_files
from mft_core.support.durable import file_digest, whole_folder
from mft_core.support.ranks import agreed, is_main_rank, rank_and_ranks
from mft_core.training.sharded_files import ShardedTensors, write_parts

STATE_FILE, CHECKSUM_FILE, PARTS_FILE = "state.json", "checksums.json", "parts.json"
STEMS = ("model", "optimizer")
TENSOR_FILES = tuple(f"{stem}.safetensors" for stem in STEMS)
Tensors = Mapping[str, Mapping[str, torch.Tensor]]
"""By stem, then by name."""
WRITING_FAILS = (OSError, SafetensorError)
READING_FAILS = (OSError, ValueError, RecursionError, SafetensorError)


def write_whole(target: Path, tensors: Tensors, state: Mapping[str, Any]) -> None:
    """Write whole tensors into a folder that appears when all is there.

    Raises:
        OSError, SafetensorError: it could not be written; there is nothing of it.
    """
    with whole_folder(target) as folder:
        for stem, named in tensors.items():
            save_file({name: tensor.contiguous() for name, tensor in named.items()}, folder / f"{stem}.safetensors")
        digests = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
        _write_rest(folder, {STATE_FILE: state}, digests)


def write_in_parts(target: Path, tensors: Tensors, state: Mapping[str, Any]) -> None:
    """Write each rank's part of tensors into one folder, which appears when every rank has its own on disk.

    To be called on every rank; the state is the first one's.

    Raises:
        OSError: a rank could not write, on every rank alike; there is nothing of it.
    """
    main = is_main_rank()
    with ExitStack() as stack:
        # The folder is the first rank's, which holds its lock and clears it away, whichever rank fails.
        places = agreed(lambda: str(stack.enter_context(whole_folder(target))) if main else "", *WRITING_FAILS)
        folder = Path(places[0])
        own = write_parts(folder, tensors)
        digests: dict[str, str] = {}
        for part in agreed(lambda: {path.name: file_digest(path) for path in own}, *WRITING_FAILS):
            digests |= part
        rest = {PARTS_FILE: sorted(digests), STATE_FILE: state}
        agreed(lambda: _write_rest(folder, rest, digests) if main else None, *WRITING_FAILS)
        agreed(stack.close, *WRITING_FAILS)


def _write_rest(folder: Path, contents: Mapping[str, Any], digests: Mapping[str, str]) -> None:
    """The JSON files, and the checksums of these and of what was written before."""
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    every = {**digests, **{name: file_digest(folder / name) for name in contents}}
    (folder / CHECKSUM_FILE).write_text(json.dumps(every, indent=1), encoding="utf-8")


def read(folder: Path) -> tuple[dict[str, Any], Tensors]:
    """State and tensors of a checkpoint in either form, verified; to be called on every rank.

    Raises:
        OSError, ValueError, RecursionError, SafetensorError: a file is missing, cut short, altered, or without a
            checksum.
    """
    in_parts = (folder / PARTS_FILE).exists()
    if in_parts:
        # Each rank reads some of the files for all: together they may be larger than what a machine reads in an hour.
        agreed(
            lambda: _verify(folder, [PARTS_FILE, *_read_json(folder / PARTS_FILE)], *rank_and_ranks()), *READING_FAILS
        )
    else:
        _verify(folder, TENSOR_FILES)
    state = _read_json(folder / STATE_FILE)
    if not isinstance(state, dict):
        raise ValueError(f"{STATE_FILE} holds no JSON object")
    if in_parts:
        return state, {stem: ShardedTensors(folder, stem) for stem in STEMS}
    return state, {path.stem: load_file(path) for path in folder.glob("*.safetensors")}


def _verify(folder: Path, needed: Collection[str], rank: int = 0, ranks: int = 1) -> None:
    there = (path.name for path in folder.glob("*.safetensors"))
    recorded = _read_json(folder / CHECKSUM_FILE)
    check_files(folder, recorded, {STATE_FILE, *needed, *there}, file_digest, rank, ranks)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
