"""Runs on several processes are compared with the same on one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from helpers.running import events, largest_difference, settings


def exact(*more: str) -> list[str]:
    """Flags of a float64 run; the last step of its epochs has fewer rows than ranks and micro-batches need."""
    fixed = ("model.dtype=float64", "tune.dropout=0", "train.batch_size=5", "train.micro_batch_size=1")
    return settings(*fixed, *more)


MEASURED = ("output.affinity=true", "output.affinity_every=2")


def assert_equal_steps(run: Path, other: Path) -> None:
    """The same losses, weights and token counts in every step."""
    assert len(events(run, "train")) >= 2
    for step, same in zip(events(run, "train"), events(other, "train"), strict=True):
        for key in ("loss", "gradient_norm"):
            assert step[key] == pytest.approx(same[key], rel=1e-9)
        for name, task in step["tasks"].items():
            assert same["tasks"][name]["tokens"] == task["tokens"]
            assert same["tasks"][name]["weight"] == pytest.approx(task["weight"], rel=1e-6)


def assert_equal_affinities(run: Path, other: Path) -> None:
    """The same of who helps whom, but for the rounding in the log."""
    assert len(events(run, "affinity")) >= 2
    for one, same in zip(events(run, "affinity"), events(other, "affinity"), strict=True):
        for key in ("cosine", "cosine_train", "gain"):
            assert np.array(one[key]) == pytest.approx(np.array(same[key]), rel=1e-4, abs=1e-9)


def assert_equal_weights(run: Path, other: Path) -> None:
    """The same that `rank_worker.save` wrote."""
    found, expected = (load_file(folder / "weights.safetensors") for folder in (run, other))
    assert largest_difference(found, expected) < 1e-9, run
