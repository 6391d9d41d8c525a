"""Several real processes on one machine train what one process trains."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from running import arguments, events, largest_difference, start_mft, weights, write_tasks


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("data"))


def run_on(ranks: int, data: Path, output: Path, *more: str) -> Path:
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}")
    process = start_mft(arguments(data, output, *more), launcher if ranks > 1 else ())
    text, _ = process.communicate()
    assert process.returncode == 0, text
    return output


def test_two_processes_give_the_weights_and_losses_of_one(data, tmp_path) -> None:
    # Three steps of an epoch whose last one has fewer rows than ranks and micro-batches need.
    exact = ["model.dtype=float64", "tune.dropout=0", "train.batch_size=5", "train.micro_batch_size=1"]
    more = [part for setting in exact for part in ("--set", setting)]
    runs = [run_on(ranks, data, tmp_path / str(ranks), "--loss", "famo", "--epochs", "1", *more) for ranks in (1, 2)]
    assert largest_difference(weights(runs[0]), weights(runs[1])) < 1e-9
    for one, two in zip(events(runs[0], "train"), events(runs[1], "train"), strict=True):
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-9)
        for name, task in one["tasks"].items():
            assert two["tasks"][name]["tokens"] == task["tokens"]
            assert two["tasks"][name]["weight"] == pytest.approx(task["weight"], rel=1e-6)
