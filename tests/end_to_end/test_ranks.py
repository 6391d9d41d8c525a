"""Several real processes on one machine train what one process trains."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from safetensors.numpy import load_file

from helpers.paths import REPOSITORY
from helpers.rank_worker import CASES, save, train, train_every_case
from helpers.running import arguments, events, largest_difference, mft, start_mft, wait_for_step, weights
from mft_core.sandbox.processes import DescendantGroup


@pytest.fixture(autouse=True)
def without_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder without the report, which takes longer to draw than the training."""
    (tmp_path / "plugins.toml").write_text('disabled = ["mft-report"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def start_on(ranks: int, data: Path, output: Path, *more: str) -> subprocess.Popen[str]:
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}")
    return start_mft(arguments(data, output, *more), launcher)


def run_on(ranks: int, data: Path, output: Path, *more: str) -> Path:
    process = start_on(ranks, data, output, *more)
    text, _ = process.communicate()
    assert process.returncode == 0, text
    return output


def test_two_processes_give_the_weights_and_losses_of_one(data, tmp_path) -> None:
    # Three steps of an epoch whose last one has fewer rows than ranks and micro-batches need.
    exact = ["model.dtype=float64", "tune.dropout=0", "train.batch_size=5", "train.micro_batch_size=1"]
    more = ["--loss", "famo", "--epochs", "1", *(part for setting in exact for part in ("--set", setting))]
    runs = [tmp_path / "one", run_on(2, data, tmp_path / "two", *more)]
    assert mft(*arguments(data, runs[0], *more)) == 0
    assert largest_difference(weights(runs[0]), weights(runs[1])) < 1e-9
    assert_equal_steps(*runs)


def assert_equal_steps(run: Path, other: Path) -> None:
    """The same losses, weights and token counts in every step."""
    assert len(events(run, "train")) >= 2
    for step, same in zip(events(run, "train"), events(other, "train"), strict=True):
        assert step["loss"] == pytest.approx(same["loss"], rel=1e-9)
        for name, task in step["tasks"].items():
            assert same["tasks"][name]["tokens"] == task["tokens"]
            assert same["tasks"][name]["weight"] == pytest.approx(task["weight"], rel=1e-6)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case of `rank_worker`, trained in this process."""
    folder = tmp_path_factory.mktemp("alone")
    AcceleratorState._reset_state(True)
    train_every_case(folder)
    return folder


@pytest.mark.parametrize("ranks", [2, 4])
def test_every_kind_of_loss_trains_the_same_on_several_processes_copied_and_sharded(alone, tmp_path, ranks) -> None:
    """And a sharded run goes on where it stopped, on as many processes or unsharded on one."""
    worker = REPOSITORY / "tests" / "helpers" / "rank_worker.py"
    program = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", str(worker)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY / "tests")}
    done = subprocess.run([*program, str(tmp_path)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in CASES:
        for placed in ("copied", "sharded"):
            assert_equal_weights(tmp_path / placed / name, alone / name)
            assert_equal_steps(tmp_path / placed / name, alone / name)
    assert_equal_weights(tmp_path / "resumed", alone / "coba")
    shutil.rmtree(tmp_path / "resumed" / "checkpoints" / "step-000006")
    save(train(tmp_path / "resumed", "coba", False, steps=6, resume=True), tmp_path / "resumed" / "weights.safetensors")
    assert_equal_weights(tmp_path / "resumed", alone / "coba")


def assert_equal_weights(run: Path, other: Path) -> None:
    found, expected = (load_file(folder / "weights.safetensors") for folder in (run, other))
    assert largest_difference(found, expected) < 1e-9, run


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_sharded_run_gives_the_model_of_one_process(data, tmp_path, method) -> None:
    exact = ["model.dtype=float64", "tune.dropout=0", "train.micro_batch_size=1", f"tune.method={method}"]
    more = ["--steps", "3", *(part for setting in exact for part in ("--set", setting))]
    sharded = run_on(2, data, tmp_path / "two", *more, "--set", "train.sharding=full")
    assert mft(*arguments(data, tmp_path / "one", *more)) == 0
    assert largest_difference(weights(tmp_path / "one"), weights(sharded)) < 1e-9
    assert mft("export", str(sharded), "--output", str(tmp_path / "merged")) == 0


def process_of_rank(rank: int, launcher: int) -> int:
    for member in DescendantGroup(launcher).members():
        if f"LOCAL_RANK={rank}".encode() in Path(f"/proc/{member.pid}/environ").read_bytes().split(b"\0"):
            return member.pid
    raise AssertionError(f"no process is rank {rank}")


def test_a_rank_that_dies_ends_the_others_and_the_run_can_be_resumed(data, tmp_path) -> None:
    more = ["--steps", "6", "--set", "train.save_every=2"]
    run, whole = tmp_path / "run", run_on(2, data, tmp_path / "whole", *more)
    with start_on(2, data, run, *more) as process:
        wait_for_step(process, run, 3)
        os.kill(process_of_rank(1, process.pid), signal.SIGKILL)
        text, _ = process.communicate(timeout=120)
        assert process.returncode == 1, text
        assert DescendantGroup(process.pid).members() == []
    assert not (run / "final").exists()
    run_on(2, data, run, *more, "--resume")
    assert largest_difference(weights(run), weights(whole)) == 0
