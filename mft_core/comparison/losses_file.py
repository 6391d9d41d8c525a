"""Validation losses sample by sample, kept in a file: without torch, so that a comparison is shown at once."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mft_core.support.durable import whole_file

LOSSES_FILE = "losses.npz"


@dataclass(frozen=True, slots=True)
class TaskLossesBySample:
    """One task's M validation samples under one model.

    Attributes:
        cross_entropy: float64 [M], nats, summed over a sample's supervised tokens.
        tokens: int64 [M], supervised tokens; float64, the sums of their weights, where the data has weights.
        digests: uint64 [M], of the samples' contents, to tell whether two models saw the same.
    """

    cross_entropy: np.ndarray
    tokens: np.ndarray
    digests: np.ndarray


Measured = dict[str, TaskLossesBySample]
"""By task; tasks without validation samples are absent."""


def write_losses(path: Path, measured: Measured) -> None:
    """Write them whole or not at all; plain arrays, no pickle."""
    parts = list(measured.values())
    with whole_file(path) as stream:
        np.savez_compressed(
            stream,
            tasks=np.array(list(measured), dtype=np.str_),
            samples=np.array([len(part.tokens) for part in parts], np.int64),
            cross_entropy=np.concatenate([part.cross_entropy for part in parts] or [np.zeros(0)]),
            tokens=np.concatenate([part.tokens for part in parts] or [np.zeros(0, np.int64)]),
            digests=np.concatenate([part.digests for part in parts] or [np.zeros(0, np.uint64)]),
        )


def read_losses(path: Path) -> Measured | None:
    """What `write_losses` wrote; None where it is missing or damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            ends = np.cumsum(arrays["samples"])
            columns = [np.split(arrays[name], ends)[:-1] for name in ("cross_entropy", "tokens", "digests")]
            parts = [TaskLossesBySample(*part) for part in zip(*columns, strict=True)]
            return dict(zip(arrays["tasks"].tolist(), parts, strict=True))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
