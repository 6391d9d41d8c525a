"""Two launchers as on two machines, by deploy/torchrun.sh: as one process, one of them killed, and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY
from helpers.running import arguments, events, largest_difference, mft, settings, wait_for_step, weights
from mft_core.sandbox.processes import DescendantGroup

pytestmark = pytest.mark.slow
SCRIPT = REPOSITORY / "deploy" / "torchrun.sh"
FLAGS = [
    "--epochs", "2", *settings("model.dtype=float64", "tune.dropout=0", "train.batch_size=4", "train.save_every=1"),
]  # fmt: skip


@pytest.fixture
def head() -> str:
    """A free place where the launchers meet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"localhost:{free.getsockname()[1]}"


def start(head: str, command: list[str], **more: str) -> subprocess.Popen[str]:
    """The launcher of one machine of two, with one process."""
    environment = {
        **os.environ, "NODES": "2", "HEAD": head, "PROCESSES": "1", "PYTHON": sys.executable, "OMP_NUM_THREADS": "1",
        **more,
    }  # fmt: skip
    return subprocess.Popen(
        [str(SCRIPT), *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def kill_all(process: subprocess.Popen[str]) -> None:
    """A launcher and its processes, as if their machine had lost its power."""
    for member in DescendantGroup(process.pid).members():
        os.kill(member.pid, signal.SIGKILL)
    process.kill()
    process.communicate()


@pytest.fixture
def ended() -> Iterator[list[subprocess.Popen[str]]]:
    """Launchers put into it do not outlive the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            kill_all(process)


def test_two_machines_train_what_one_process_trains_and_a_dead_one_ends_the_other(
    data: Path, head: str, ended: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    run, alone = tmp_path / "run", tmp_path / "alone"
    command = [*arguments(data, run, *FLAGS), "--auto-resume"]
    ended += [start(head, command) for _ in range(2)]
    first = main_of(ended, run)
    kill_all(next(process for process in ended if process is not first))
    text, _ = first.communicate(timeout=120)
    assert first.returncode != 0
    assert "--resume" in text, "the survivor says how to go on"
    done = events(run, "train")[-1]["step"]
    again = [start(head, command) for _ in range(2)]
    ended += again
    texts = [process.communicate(timeout=300)[0] for process in again]
    assert [process.returncode for process in again] == [0, 0], texts
    assert [event["step"] for event in events(run, "resume")][-1] >= done - 1
    assert mft(*arguments(data, alone, *FLAGS)) == 0
    assert largest_difference(weights(run), weights(alone)) < 1e-9


def main_of(launchers: list[subprocess.Popen[str]], run: Path) -> subprocess.Popen[str]:
    """The launcher of the first rank, once it has trained for two steps."""
    wait_for_step(launchers[0], run, 2)
    for launcher in launchers:
        for member in DescendantGroup(launcher.pid).members():
            if b"\0RANK=0\0" in Path(f"/proc/{member.pid}/environ").read_bytes():
                return launcher
    raise AssertionError("no process is the first rank")


def test_weights_spread_within_each_machine_train_what_one_process_trains(
    data: Path, head: str, ended: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    run, alone = tmp_path / "run", tmp_path / "alone"
    command = arguments(data, run, *FLAGS, *settings("train.sharding=hybrid"))
    ended += [start(head, command, PROCESSES="2") for _ in range(2)]
    texts = [process.communicate(timeout=300)[0] for process in ended]
    assert [process.returncode for process in ended] == [0, 0], texts
    assert mft(*arguments(data, alone, *FLAGS)) == 0
    assert largest_difference(weights(run), weights(alone)) < 1e-9


def test_a_launcher_that_may_starts_all_again_and_the_run_goes_on(
    data: Path, ended: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    run, alone = tmp_path / "run", tmp_path / "alone"
    command = [*arguments(data, run, *FLAGS), "--auto-resume"]
    process = start("", command, NODES="1", PROCESSES="2", RESTARTS="1")
    ended.append(process)
    wait_for_step(process, run, 2)
    victim = next(
        member.pid
        for member in DescendantGroup(process.pid).members()
        if b"\0RANK=1\0" in Path(f"/proc/{member.pid}/environ").read_bytes()
    )
    os.kill(victim, signal.SIGKILL)
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0, text
    assert len(events(run, "resume")) == 1
    assert mft(*arguments(data, alone, *FLAGS)) == 0
    assert largest_difference(weights(run), weights(alone)) < 1e-9


def test_without_output_there_is_nothing_to_go_on_with(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mft("run", "--data", str(data), "--auto-resume") == 2
    assert "--output" in capsys.readouterr().err
