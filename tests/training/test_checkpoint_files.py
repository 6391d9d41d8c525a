"""Checkpoints that each rank writes its part of are as safe as whole ones: killed, cut short, and without room."""

from __future__ import annotations

import json
import logging
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch

from helpers.forked_processes import run_to_its_end
from helpers.forked_ranks import run_on_ranks
from helpers.parts_writer import (
    PLACES,
    WHOLE,
    be_killed_at_times,
    be_killed_everywhere,
    fill_the_disk,
    load_together,
    save,
)
from mft_core.training.checkpoint import Checkpoint, CheckpointFolder

FIRST, SECOND = (f"shard-0000{rank}-model-00001-of-00001.safetensors" for rank in (1, 2))
FILES = (FIRST, SECOND, "parts.json", "state.json")


def latest(path: Path) -> Checkpoint:
    """What this process alone goes on from."""
    found = CheckpointFolder(path, keep=9).load_latest()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Steps 1 and 2, of two ranks."""
    path = tmp_path_factory.mktemp("written") / "checkpoints"
    run_to_its_end(partial(run_on_ranks, 2, partial(save, path, 1, 2)))
    return path


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return shutil.copytree(written, tmp_path / "checkpoints")


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "flip":
        content[-1] ^= 1  # of a number: headers are read by all
    path.unlink()
    if how != "remove":
        path.write_bytes(content[:-3] if how == "cut" else content)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", ["flip", "cut", "remove"])
def test_a_damaged_part_is_named_and_the_last_good_one_is_taken(
    copied: Path, file: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    damage(copied / "step-000002" / file, how)
    with caplog.at_level(logging.WARNING):
        found = latest(copied)
    assert found.step == 1
    assert torch.equal(found.tensors["model"]["weight"], WHOLE["weight"])
    assert "step-000002 cannot be read" in caplog.text


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_went_with_its_checksum_is_missed(copied: Path, file: str) -> None:
    record = copied / "step-000002" / "checksums.json"
    (copied / "step-000002" / file).unlink()
    record.write_text(json.dumps({name: sum for name, sum in json.loads(record.read_text()).items() if name != file}))
    assert latest(copied).step == 1


@pytest.mark.parametrize("file", [FIRST, SECOND])
def test_ranks_that_verify_a_share_each_fall_back_together(copied: Path, file: str) -> None:
    """Of each file one rank alone sees that it is damaged."""
    run_to_its_end(partial(run_on_ranks, 2, partial(load_together, copied)))
    assert (copied / "found").read_text() == "2"
    damage(copied / "step-000002" / file, "flip")
    run_to_its_end(partial(run_on_ranks, 2, partial(load_together, copied)))
    assert (copied / "found").read_text() == "1"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of the places."""
    root = tmp_path_factory.mktemp("killed")
    run_to_its_end(partial(be_killed_everywhere, root))
    return root


@pytest.mark.parametrize("place", PLACES)
def test_kill_9_of_a_rank_leaves_the_last_good_one_and_what_it_wrote_goes(killed: Path, place: str) -> None:
    done = ["step-000001", "step-000002"] if place == "after the name" else ["step-000001"]
    assert (killed / place / "seen").read_text().split() == done
    assert sorted(entry.name for entry in (killed / place).iterdir()) == ["seen", *done, "step-000003"]
    folder = CheckpointFolder(killed / place, keep=9)
    for step in folder.steps():
        assert torch.equal(folder.load(step).tensors["model"]["weight"], step * WHOLE["weight"])


@pytest.mark.slow
def test_kill_9_at_any_moment_leaves_whole_ones_alone(tmp_path: Path) -> None:
    run_to_its_end(partial(be_killed_at_times, tmp_path))
    for path in tmp_path.iterdir():
        folder = CheckpointFolder(path, keep=9)
        assert folder.steps()
        for step in folder.steps():
            assert folder.load(step).state == {"at": step}


def test_a_full_disk_is_told_on_every_rank_and_leaves_room(small_disk: Path) -> None:
    path = small_disk / "checkpoints"
    run_to_its_end(partial(run_on_ranks, 2, partial(fill_the_disk, path)))
    assert sorted(entry.name for entry in path.iterdir()) == ["step-000001", "step-000003"]
    assert latest(path).step == 3
