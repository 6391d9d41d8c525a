"""Several real processes on one machine train what one process trains."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

from helpers.equal_runs import MEASURED, assert_equal_affinities, assert_equal_steps, assert_equal_weights, exact
from helpers.forked_processes import run_to_its_end
from helpers.rank_worker import CASES, save, sharded_cases, train, train_cases, train_excluding, train_on_ranks
from helpers.running import arguments, events, largest_difference, mft, wait_for_step, weights
from helpers.workers import run_commands_on
from mft_core.sandbox.processes import DescendantGroup

RUNS = {
    "copied": ["--loss", "famo", "--epochs", "2", *exact("train.save_every=2", *MEASURED)],
    "lora": ["--epochs", "1", *exact("tune.method=lora", "train.sharding=full", *MEASURED)],
    "full": ["--epochs", "1", *exact("tune.method=full", "train.sharding=full", *MEASURED)],
    "freeze": ["--epochs", "1", *exact("tune.method=freeze", "tune.layers=1", "train.sharding=full", *MEASURED)],
}


def start_by_torchrun(ranks: int, command: Sequence[str]) -> subprocess.Popen[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    process = [*launcher, "-m", "mft_cli", *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(process, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


@pytest.fixture(scope="module")
def on_two(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every one of `RUNS`, by its name, trained on two processes."""
    folder = tmp_path_factory.mktemp("two")
    run_commands_on(2, *(arguments(data, folder / name, *flags) for name, flags in RUNS.items()))
    return folder


def test_two_processes_give_the_weights_and_losses_of_one(data, on_two, tmp_path) -> None:
    runs = [tmp_path / "one", on_two / "copied"]
    assert mft(*arguments(data, runs[0], *RUNS["copied"])) == 0
    assert largest_difference(weights(runs[0]), weights(runs[1])) < 1e-9
    assert_equal_steps(*runs)
    assert_equal_affinities(*runs)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case of `rank_worker`, trained in this process."""
    folder = tmp_path_factory.mktemp("alone")
    AcceleratorState._reset_state(True)
    train_cases(folder)
    return folder


@pytest.fixture(scope="module")
def on_several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, trained on two processes and on four: in a folder for each number."""
    folder = tmp_path_factory.mktemp("several")
    run_to_its_end(partial(train_on_ranks, folder, 2, 4))
    return folder


@pytest.mark.parametrize("ranks", [2, 4])
def test_every_kind_of_loss_trains_the_same_on_several_processes_copied_and_sharded(alone, on_several, ranks) -> None:
    """And a sharded run goes on where it stopped, on as many processes or unsharded on one."""
    folder = on_several / str(ranks)
    for placed, cases in (("copied", CASES), ("sharded", sharded_cases(ranks))):
        for name in cases:
            assert_equal_weights(folder / placed / name, alone / name)
            assert_equal_steps(folder / placed / name, alone / name)
    resumed = folder / "resumed"
    assert_equal_weights(resumed, alone / "coba")
    shutil.rmtree(resumed / "checkpoints" / "step-000006")
    save(train(resumed, "coba", False, steps=6, resume=True), resumed / "weights.safetensors")
    assert_equal_weights(resumed, alone / "coba")


@pytest.mark.parametrize(("ranks", "placed"), [(2, "copied"), (2, "sharded"), (4, "copied")])
def test_every_rank_leaves_out_the_same_task_and_goes_back(on_several, tmp_path, ranks, placed) -> None:
    AcceleratorState._reset_state(True)
    alone = train_excluding(tmp_path / "alone")
    (expected,) = events(alone, "decision")
    assert expected["left_out"] == ["task0"]
    assert expected["to_step"] < expected["from_step"]
    found = on_several / str(ranks) / placed / "excluding"
    (decision,) = events(found, "decision")
    keys = ("left_out", "from_step", "to_step", "extra_steps")
    assert [decision[key] for key in keys] == [expected[key] for key in keys]
    assert_equal_weights(found, alone)


@pytest.mark.parametrize("method", ["lora", "full", "freeze"])
def test_a_sharded_run_gives_the_model_of_one_process(data, on_two, tmp_path, method) -> None:
    assert mft(*arguments(data, tmp_path / "one", *RUNS[method], "--set", "train.sharding=none")) == 0
    assert largest_difference(weights(tmp_path / "one"), weights(on_two / method)) < 1e-9
    assert_equal_affinities(tmp_path / "one", on_two / method)
    assert mft("export", str(on_two / method), "--output", str(tmp_path / "merged")) == 0


def process_of_rank(rank: int, launcher: int) -> int:
    for member in DescendantGroup(launcher).members():
        if f"LOCAL_RANK={rank}".encode() in Path(f"/proc/{member.pid}/environ").read_bytes().split(b"\0"):
            return member.pid
    raise AssertionError(f"no process is rank {rank}")


def test_a_rank_that_dies_ends_the_others_and_the_run_can_be_resumed(data, on_two, tmp_path) -> None:
    run = tmp_path / "run"
    command = arguments(data, run, *RUNS["copied"])
    with start_by_torchrun(2, command) as process:
        wait_for_step(process, run, 3)
        os.kill(process_of_rank(1, process.pid), signal.SIGKILL)
        text, _ = process.communicate(timeout=120)
        assert process.returncode == 1, text
        assert DescendantGroup(process.pid).members() == []
    assert not (run / "final").exists()
    run_commands_on(2, [*command, "--resume"])
    assert largest_difference(weights(run), weights(on_two / "copied")) == 0
