"""Running `mft` in tests: small data, in this process or as a real one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from helpers.forked_processes import ForkedProcess
from mft_cli.app import main, run_command_line
from mft_core.events import read_events

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
Evaluate = Callable[..., list[dict[str, Any]]]
SCORE_KEYS = ["set", "metric", "value", "n", "interval", "protocol"]
REPORT = ("--set", 'train.callbacks=["report"]')
SIZES = {"add": 30, "copy": 12, "reverse": 5}


def write_tasks(folder: Path, sizes: dict[str, int] | None = None) -> Path:
    """A folder of task folders; every sample different, lengths varied, two validation samples each."""
    generator = np.random.default_rng(0)
    for task, size in (sizes or SIZES).items():
        (folder / task).mkdir(parents=True)
        for name, count in (("train", size), ("valid", 2)):
            with (folder / task / f"{name}.jsonl").open("w", encoding="utf-8") as stream:
                for number in range(count):
                    words = generator.choice(WORDS, size=int(generator.integers(1, 9)))
                    record = {"prompt": f"{task} {name} {number}: {' '.join(words)}", "response": " ".join(words[::-1])}
                    stream.write(json.dumps(record) + "\n")
    return folder


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def arguments(data: Path, output: Path, *more: str) -> list[str]:
    """A short, small `mft run`, in float32 on every processor unless `more` says otherwise.

    Without the report, which takes twice as long to draw as the rest of such a run takes; with `REPORT`, with it.
    """
    small = (
        "model.dtype=float32", "data.max_length=128", "train.callbacks=[]",
        "train.batch_size=4", "train.micro_batch_size=2", "train.log_every=1",
    )  # fmt: skip
    settings = [part for setting in small for part in ("--set", setting)]
    return ["run", "--model", "llama", "--data", str(data), "--output", str(output), *settings, *more]


def with_recipe(command: list[str], recipe: Path) -> list[str]:
    """A command with a recipe as its first argument."""
    return [command[0], str(recipe), *command[1:]]


def mft(*command: str) -> int:
    """Run a command in this process, as the script does; returns its exit code."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(True)
    return run_command_line(list(command))


def start_mft(command: Sequence[str]) -> ForkedProcess:
    """Start a command as a process of its own."""
    return ForkedProcess(partial(be_mft, command))


def be_mft(command: Sequence[str]) -> None:
    """What the script `mft` does."""
    sys.argv[1:] = command
    main()


def wait_for_step(process: ForkedProcess | subprocess.Popen[str], run: Path, step: int) -> None:
    """Return when the run has logged `step`; fail with its output if it ends before."""
    import time

    while not any(event["event"] == "train" and event["step"] >= step for event in read_events(run / "metrics.jsonl")):
        if process.poll() is not None:
            raise AssertionError(f"ended early: {process.communicate()[0]}")
        time.sleep(0.01)


def weights(run: Path) -> dict[str, np.ndarray]:
    """The tensors of `final/`."""
    from safetensors.numpy import load_file

    (path,) = (run / "final").glob("*.safetensors")
    return load_file(path)


def largest_difference(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """Over all tensors, which must have the same names."""
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


def events(run: Path, name: str) -> list[dict[str, Any]]:
    """The events of one kind."""
    return [event for event in read_events(run / "metrics.jsonl") if event["event"] == name]


def settings(*pairs: str) -> list[str]:
    """Recipe keys as flags."""
    return [part for pair in pairs for part in ("--set", pair)]


def make_files(folder: Path, *names: str) -> Path:
    """Files of one record each, by their names in `folder`."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")
    return folder
