"""Each balancer in a real training: its weights follow the gradients, and a resumed run is the same bit by bit."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.running import arguments, events, mft, settings, write_tasks
from helpers.small_trainer import make_trainer, tensors
from mft_core.events import read_events
from mft_core.interfaces import Loss
from mft_core.registry.catalog import load_entry
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.testing.samples import random_table
from mft_core.training.trainer import Trainer

CLASSES: dict[str, type[Loss]] = {
    entry.name: load_entry(entry)
    for entry in discover(Workspace()).catalog.of_kind("loss")
    if entry.plugin == "mft-torchjd" or entry.name == "align"
}


def test_these_are_all() -> None:
    assert set(CLASSES) == {
        "mgda", "pcgrad", "gradvac", "cagrad", "imtl-g", "aligned-mtl", "nash-mtl", "upgrad", "fairgrad", "align",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSES)
def test_it_trains_and_goes_on_bit_by_bit(name: str, tmp_path: Path) -> None:
    def new(folder: str) -> Trainer:
        loss = CLASSES[name].from_options({"every": 2, "probe_samples": 2})
        return make_trainer(tmp_path / folder, loss, random_table([6, 3, 9, 5]), dropout=0.2, steps=6)

    whole, resumed = new("whole"), new("resumed")
    whole.run()
    resumed.resume(whole.checkpoints.load(3))
    resumed.run()
    expected, found = tensors(whole), tensors(resumed)
    assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())
    assert resumed.state_dict()["loss"] == whole.state_dict()["loss"]

    written = list(read_events(whole.log.path))
    weights = [[task["weight"] for task in event["tasks"].values()] for event in written if event["event"] == "train"]
    assert np.ptp(weights, axis=0).max() > 1e-3, "they move"
    assert np.sum(weights, axis=1) == pytest.approx(np.ones(6))


@pytest.mark.slow
def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_tasks(tmp_path / "data")
    more = settings("loss.every=1", "loss.seed=7")
    assert mft(*arguments(data, tmp_path / "run", "--loss", "pcgrad", "--steps", "3", *more)) == 0
    train = events(tmp_path / "run", "train")
    assert [event["step"] for event in train] == [1, 2, 3]
    for event in train:
        assert sum(task["weight"] for task in event["tasks"].values()) == pytest.approx(1)
    capsys.readouterr()
    assert mft("list", "loss") == 0
    listed = capsys.readouterr().out
    assert re.search(r"pcgrad +mft-torchjd .* ok", listed)
    assert mft("show", "loss.pcgrad") == 0
    assert "2001.06782" in capsys.readouterr().out
