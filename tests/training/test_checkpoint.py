"""Checkpoints survive kills, full disks, flipped bytes and rotation."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from mft_core.errors import MftError
from mft_core.support.durable import file_digest
from mft_core.training.checkpoint import CheckpointFolder

TENSORS = {"model": {"weight": torch.arange(6.0).reshape(2, 3)}, "optimizer": {"weight|step": torch.tensor(3.0)}}


def folder_at(path: Path, keep: int = 3) -> CheckpointFolder:
    return CheckpointFolder(path / "checkpoints", keep)


def test_what_was_saved_comes_back_bit_by_bit(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    value = {"loss": {"logits": [0.1 + 0.2, 1e-300, -3.3]}}
    folder.save(7, TENSORS, value)
    found = folder.load_latest()
    assert found is not None
    assert (found.step, found.state) == (7, value)
    assert torch.equal(found.tensors["model"]["weight"], TENSORS["model"]["weight"])
    assert (tmp_path / "checkpoints" / "step-000007").is_dir()


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert folder_at(tmp_path).load_latest() is None


def test_old_ones_go_but_never_the_best(tmp_path: Path) -> None:
    folder = folder_at(tmp_path, keep=2)
    for step in range(1, 7):
        folder.save(step, TENSORS, {}, kept={2})
    assert folder.steps() == [2, 5, 6]


def test_damaged_ones_ahead_take_no_good_ones_place(tmp_path: Path) -> None:
    folder = folder_at(tmp_path, keep=1)
    for step in (4, 6):
        folder.save(step, TENSORS, {}, kept={4, 6})
    (folder.folder(6) / "model.safetensors").write_bytes(b"")
    for step in (5, 6, 7):  # the run goes on from step 4
        folder.save(step, TENSORS, {"at": step})
        found = folder.load_latest()
        assert found is not None
        assert found.state == {"at": step}
    assert folder.steps() == [7]


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_file_is_named_and_the_last_good_one_is_taken(tmp_path: Path, file, damage, caplog) -> None:
    folder = folder_at(tmp_path)
    folder.save(1, TENSORS, {"at": 1})
    folder.save(2, TENSORS, {"at": 2})
    path = folder.folder(2) / file
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "cut":
        path.write_bytes(content[:-3])
    else:
        path.unlink()
    with caplog.at_level(logging.WARNING):
        found = folder.load_latest()
    assert found is not None
    assert found.step == 1
    assert file in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda record: {},
        lambda record: [],
        lambda record: None,
        lambda record: {name: digest for name, digest in record.items() if name != "optimizer.safetensors"},
        lambda record: {**record, "../../../../../../../../dev/zero": "0"},
        lambda record: {**record, "gone.safetensors": "0"},
    ],
    ids=["empty", "list", "null", "one left out", "outside", "not there"],
)
def test_checksums_that_are_not_of_all_its_files_are_damage(tmp_path: Path, change, caplog) -> None:
    folder = folder_at(tmp_path)
    folder.save(1, TENSORS, {"at": 1})
    folder.save(2, TENSORS, {"at": 2})
    path = folder.folder(2) / "checksums.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with caplog.at_level(logging.WARNING):
        found = folder.load_latest()
    assert found is not None
    assert found.step == 1
    assert "checksum" in caplog.text


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors"])
def test_a_file_that_went_with_its_checksum_is_missed(
    tmp_path: Path, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = folder_at(tmp_path)
    folder.save(1, TENSORS, {"at": 1})
    folder.save(2, TENSORS, {"at": 2})
    path = folder.folder(2) / "checksums.json"
    (folder.folder(2) / file).unlink()
    path.write_text(json.dumps({name: digest for name, digest in json.loads(path.read_text()).items() if name != file}))
    with caplog.at_level(logging.WARNING):
        found = folder.load_latest()
    assert found is not None
    assert found.step == 1
    assert f"there is no checksum of {file}" in caplog.text


@pytest.mark.parametrize("file", ["state.json", "checksums.json"])
@pytest.mark.parametrize("content", ["[]", "[" * 100_000], ids=["list", "nested too deep"])
def test_json_of_another_shape_is_damage(
    tmp_path: Path, file: str, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = folder_at(tmp_path)
    folder.save(1, TENSORS, {"at": 1})
    folder.save(2, TENSORS, {"at": 2})
    (folder.folder(2) / file).write_text(content)
    if file == "state.json":
        sums = folder.folder(2) / "checksums.json"
        changed = {"state.json": file_digest(folder.folder(2) / file)}
        sums.write_text(json.dumps(json.loads(sums.read_text()) | changed))
    with caplog.at_level(logging.WARNING):
        found = folder.load_latest()
    assert found is not None
    assert found.step == 1
    assert "step-000002 cannot be read" in caplog.text


def test_all_damaged_is_an_error_that_names_them(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    folder.save(1, TENSORS, {})
    (folder.folder(1) / "model.safetensors").write_bytes(b"")
    with pytest.raises(MftError, match=r"step-000001.*model\.safetensors"):
        folder.load_latest()


WRITER = """
import sys, torch
from pathlib import Path
from mft_core.training.checkpoint import CheckpointFolder
folder = CheckpointFolder(Path(sys.argv[1]) / "checkpoints", 2)
tensors = {"model": {"weight": torch.zeros(2_000_000)}, "optimizer": {}}
for step in range(1, 1000):
    folder.save(step, tensors, {"at": step})
    print(step, flush=True)
"""


@pytest.mark.slow
def test_kill_9_while_saving_leaves_a_good_checkpoint_and_nothing_partial(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    for _ in range(3):
        writer.stdout.readline()
    time.sleep(0.02)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    folder = folder_at(tmp_path)
    found = folder.load_latest()
    assert found is not None
    assert found.step >= 3
    assert found.state == {"at": found.step}
    for step in folder.steps():
        folder.load(step)


def test_a_full_disk_keeps_the_old_checkpoint_and_says_so(small_disk: Path) -> None:
    folder = folder_at(small_disk)
    folder.save(1, {"model": {"weight": torch.zeros(1000)}, "optimizer": {}}, {})
    with pytest.raises(MftError) as error:
        folder.save(2, {"model": {"weight": torch.zeros(2_000_000)}, "optimizer": {}}, {})
    assert "step 2" in error.value.message
    assert "last good checkpoint: step 1" in error.value.hint
    assert [entry.name for entry in folder.path.iterdir()] == ["step-000001"]
    assert folder.load_latest() is not None


def test_later_checkpoints_go_when_a_run_goes_back(tmp_path) -> None:
    folder = CheckpointFolder(tmp_path / "checkpoints", keep=9)
    for step in (0, 2, 4, 6):
        folder.save(step, {"model": {"weight": torch.zeros(2)}, "optimizer": {}}, {})
    folder.remove_after(2)
    assert folder.steps() == [0, 2]
