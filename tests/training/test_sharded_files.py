"""What ranks write of spread tensors is their own part, and comes back however it is spread then."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from helpers.forked_processes import run_to_its_end
from helpers.forked_ranks import run_on_ranks
from helpers.parts_writer import WHOLE, read_own_file, save, save_small_files
from mft_core.training.sharded_files import ShardedTensors, placed

FILES = [f"shard-0000{rank}-model-00001-of-00001.safetensors" for rank in (1, 2)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Step 2, of two ranks."""
    path = tmp_path_factory.mktemp("written") / "checkpoints"
    run_to_its_end(partial(run_on_ranks, 2, partial(save, path, 2)))
    return path


def test_each_rank_writes_its_rows_and_one_process_reads_all_of_them(written: Path) -> None:
    folder = written / "step-000002"
    tensors = ShardedTensors(folder, "model")
    assert (set(tensors), len(tensors)) == (WHOLE.keys(), len(WHOLE))
    for name, tensor in WHOLE.items():
        assert torch.equal(tensors[name], 2 * tensor)
        assert torch.equal(placed(tensors, name, torch.zeros(1)), 2 * tensor)
        assert torch.equal(placed({name: tensor}, name, torch.zeros(1)), tensor)
    (step,) = ShardedTensors(folder, "optimizer").items()
    assert step == ("weight|step", torch.tensor(2.0))
    rows = [load_file(folder / name)["model/weight"] for name in FILES]
    assert [tuple(part.shape) for part in rows] == [(3, 6), (2, 6)]
    assert torch.equal(torch.cat(rows), 2 * WHOLE["weight"])


def test_a_rank_reads_the_files_of_its_part_alone(written: Path) -> None:
    run_to_its_end(partial(run_on_ranks, 2, partial(read_own_file, written)))


def test_tensors_of_many_files_come_back(tmp_path: Path) -> None:
    """A rank that holds much does not write all of it at once."""
    run_to_its_end(partial(run_on_ranks, 2, partial(save_small_files, tmp_path)))
    names = [path.name for path in (tmp_path / "step-000001").glob("shard-00001-*")]
    assert len(names) == len(WHOLE)
    assert torch.equal(ShardedTensors(tmp_path / "step-000001", "model")["weight"], WHOLE["weight"])
