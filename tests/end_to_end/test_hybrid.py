"""Weights spread over the processes of each machine, and copied between machines, train what one process trains.

Four real processes, which are told that they are two on each of two machines; test_machines.py has two launchers.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

from helpers.command_worker import run_all
from helpers.equal_runs import MEASURED, assert_equal_affinities, assert_equal_steps, assert_equal_weights, exact
from helpers.forked_processes import ForkedProcess, run_to_its_end
from helpers.forked_ranks import run_on_ranks
from helpers.rank_worker import HYBRID, save, train, train_cases, train_excluding, train_on_machines
from helpers.running import arguments, events, largest_difference, mft, weights
from helpers.workers import run_commands_on

WITHIN = ("train.sharding=hybrid", *MEASURED)
RUNS = {
    "lora": ["--epochs", "1", *exact("tune.method=lora", *WITHIN)],
    "full": ["--epochs", "1", *exact("tune.method=full", *WITHIN)],
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case, trained in this process."""
    folder = tmp_path_factory.mktemp("alone")
    AcceleratorState._reset_state(True)
    train_cases(folder, (*HYBRID, "coba"))
    train_excluding(folder / "excluding")
    return folder


@pytest.fixture(scope="module")
def on_machines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on two machines."""
    folder = tmp_path_factory.mktemp("machines")
    run_to_its_end(partial(train_on_machines, folder))
    return folder / "hybrid"


@pytest.mark.parametrize("name", [*HYBRID, "excluding"])
def test_losses_that_measure_see_and_train_the_same(alone: Path, on_machines: Path, name: str) -> None:
    """Validation losses, gradients' inner products themselves, and a run that goes back."""
    assert_equal_weights(on_machines / name, alone / name)
    assert_equal_steps(on_machines / name, alone / name)


def test_a_run_goes_on_however_it_was_spread_before(alone: Path, on_machines: Path) -> None:
    """Spread over all, then within machines, then again, then on one process."""
    resumed = on_machines / "resumed"
    assert_equal_weights(resumed, alone / "coba")
    shutil.rmtree(resumed / "checkpoints" / "step-000006")
    AcceleratorState._reset_state(True)
    save(train(resumed, "coba", False, steps=6, resume=True), resumed / "weights.safetensors")
    assert_equal_weights(resumed, alone / "coba")


@pytest.fixture(scope="module")
def commanded(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every one of `RUNS`, by its name, of `mft run` on two machines."""
    folder = tmp_path_factory.mktemp("commanded")
    run_commands_on(4, *(arguments(data, folder / name, *flags) for name, flags in RUNS.items()), machines=2)
    return folder


@pytest.mark.parametrize("method", sorted(RUNS))
def test_a_run_gives_the_model_of_one_process(data: Path, commanded: Path, tmp_path: Path, method: str) -> None:
    """And measures the same of who helps whom, on the way there."""
    assert mft(*arguments(data, tmp_path / "one", *RUNS[method], "--set", "train.sharding=none")) == 0
    assert largest_difference(weights(tmp_path / "one"), weights(commanded / method)) < 1e-9
    assert_equal_steps(tmp_path / "one", commanded / method)
    assert_equal_affinities(tmp_path / "one", commanded / method)
    assert events(commanded / method, "warning") == events(tmp_path / "one", "warning")


def test_a_process_on_each_machine_has_a_copy_and_is_told(data: Path, tmp_path: Path) -> None:
    """And it may go on as two on one machine: then as with "full"."""
    run, flags = tmp_path / "run", exact("train.sharding=hybrid", "train.steps=2", "train.save_every=1")
    run_commands_on(2, arguments(data, run, *flags), machines=2)
    assert [event["message"] for event in events(run, "warning") if "each machine runs one" in event["message"]]
    shutil.rmtree(run / "checkpoints" / "step-000002")
    run_commands_on(2, [*arguments(data, run, *flags), "--resume"])
    assert [event["step"] for event in events(run, "resume")] == [1]
    assert events(run, "train")[-1]["step"] == 2


def test_machines_with_unlike_numbers_of_processes_are_refused(data: Path, tmp_path: Path) -> None:
    """By a launcher's three ranks, of which it says that two are on each machine."""
    command = arguments(data, tmp_path / "run", *exact("train.sharding=hybrid"))
    process = ForkedProcess(partial(run_on_ranks, 3, partial(run_all, [command]), 2))
    text, _ = process.communicate()
    assert process.returncode != 0
    assert 'train.sharding = "hybrid" wants as many processes on each machine' in text
