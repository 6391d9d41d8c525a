"""A run goes on from checkpoints that ranks have written in parts, on any number of ranks, and from either kind."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from safetensors.numpy import load_file

from helpers.equal_runs import assert_equal_steps, assert_equal_weights, exact
from helpers.forked_processes import run_to_its_end
from helpers.parts_resumer import CASE, train_all
from helpers.rank_worker import save, train, train_cases, train_excluding
from helpers.running import arguments, events, largest_difference, mft, settings, weights
from helpers.workers import run_commands_on
from mft_core.training.checkpoint import CheckpointFolder

FLAGS = {
    "full": ["--epochs", "1", *exact("tune.method=full", "train.sharding=full", "train.save_every=2")],
    "lora": ["--epochs", "1", *exact("tune.method=lora", "train.sharding=full")],
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, trained in this process."""
    folder = tmp_path_factory.mktemp("alone")
    AcceleratorState._reset_state(True)
    train_cases(folder, (CASE,))
    train_excluding(folder / "excluding")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that `parts_resumer` trains."""
    folder = tmp_path_factory.mktemp("trained")
    run_to_its_end(partial(train_all, folder))
    return folder


def written_in_parts(run: Path) -> list[bool]:
    """Of each checkpoint, in order, whether it is."""
    return [(folder / "parts.json").exists() for folder in sorted((run / "checkpoints").iterdir())]


def difference(run: Path, other: Path) -> float:
    """Of the weights that were saved beside them."""
    return largest_difference(*(load_file(folder / "weights.safetensors") for folder in (run, other)))


@pytest.mark.parametrize("run", ["on 2", "alternating"])
def test_as_many_ranks_go_on_bit_by_bit_from_either_kind(alone: Path, trained: Path, run: str) -> None:
    assert difference(trained / run, trained / "uninterrupted") == 0
    assert_equal_weights(trained / run, alone / CASE)
    assert_equal_steps(trained / run, alone / CASE)
    assert written_in_parts(trained / "alternating") == [True, False, False, True]


def test_four_ranks_with_two_copies_go_on_from_two_ranks_and_one_process_from_either(
    alone: Path, trained: Path, tmp_path: Path
) -> None:
    assert_equal_weights(trained / "on 4", alone / CASE)
    AcceleratorState._reset_state(True)
    for name, steps in (("four", 4), ("on 4", 6)):
        run = shutil.copytree(trained / name, tmp_path / name)
        assert written_in_parts(run)[-1]
        assert CheckpointFolder(run / "checkpoints", keep=9).steps()[-1] == steps
        save(train(run, CASE, False, steps=6, resume=True), run / "weights.safetensors")
        assert_equal_weights(run, alone / CASE)


def test_nothing_is_written_twice_by_two_copies(trained: Path) -> None:
    """Four ranks write as many tensors' bytes as two do, and what one writes is less than half of it."""
    sizes = {}
    for run in ("on 2", "on 4"):
        files = sorted((trained / run / "checkpoints" / "step-000006").glob("shard-*.safetensors"))
        sizes[run] = [sum(tensor.nbytes for tensor in load_file(path).values()) for path in files]
    assert sum(sizes["on 2"]) == sum(sizes["on 4"])
    assert max(sizes["on 2"]) < 0.75 * sum(sizes["on 2"])
    assert len(sizes["on 4"]) == 4


def test_a_run_that_goes_back_does_so_to_a_checkpoint_in_parts(alone: Path, trained: Path) -> None:
    (expected,), (found,) = (events(folder / "excluding", "decision") for folder in (alone, trained))
    keys = ("left_out", "from_step", "to_step", "extra_steps")
    assert [found[key] for key in keys] == [expected[key] for key in keys]
    assert all(written_in_parts(trained / "excluding"))
    assert_equal_weights(trained / "excluding", alone / "excluding")


@pytest.fixture(scope="module")
def commanded(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`mft run` of either kind of tuning, on two processes."""
    folder = tmp_path_factory.mktemp("commanded")
    run_commands_on(2, *(arguments(data, folder / name, *flags) for name, flags in FLAGS.items()))
    return folder


def test_what_trains_the_base_is_written_in_parts_and_an_adapter_whole(commanded: Path) -> None:
    assert all(written_in_parts(commanded / "full"))
    assert not any(written_in_parts(commanded / "lora"))


def test_another_kind_of_checkpoint_is_no_other_run(data: Path, commanded: Path, tmp_path: Path) -> None:
    """On two processes without --force; and one process, which has whole tensors, goes on to export it."""
    run = shutil.copytree(commanded / "full", tmp_path / "run")
    shutil.rmtree(max((run / "checkpoints").iterdir()))
    shutil.rmtree(run / "final")
    more = [*FLAGS["full"], *settings("output.checkpoints=whole"), "--resume"]
    run_commands_on(2, arguments(data, run, *more))
    assert written_in_parts(run)[-1] is False
    assert True in written_in_parts(run)
    assert largest_difference(weights(run), weights(commanded / "full")) == 0
    shutil.rmtree(max((run / "checkpoints").iterdir()))
    assert mft(*arguments(data, run, *FLAGS["full"], "--resume", "--force"), "--set", "train.sharding=none") == 0
    assert largest_difference(weights(run), weights(commanded / "full")) < 1e-9
    assert mft("export", str(run), "--output", str(tmp_path / "merged")) == 0
