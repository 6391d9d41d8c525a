"""A trained model goes back into the files its base was published in."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from helpers.original_checkpoints import ORIGINALS, write_original_checkpoint
from helpers.tiny_models import ADAPTERS
from helpers.weights import load_original, same, stored
from mft_core.tuning.original_layout import write_original


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_original_comes_back_bit_by_bit(name: str, tmp_path: Path) -> None:
    base, output = tmp_path / "base", tmp_path / "output"
    base.mkdir(), output.mkdir()
    native = write_original_checkpoint(name, base)
    (base / "modeling_theirs.py").write_text("raise SystemExit\n")
    model = load_original(name, base, torch.float32)
    written = write_original(model, base, output, ORIGINALS[name].adapter)
    assert written.changed == 0
    assert written.unchanged == len(stored(base)) - any("inv_freq" in key for key in stored(base))
    assert {path.name: path.read_bytes() for path in base.iterdir()} == {
        path.name: path.read_bytes() for path in output.iterdir()
    }
    with torch.no_grad():
        model.model.layers[1].self_attn.k_proj.weight += 0.5
    assert write_original(model, base, output, ORIGINALS[name].adapter).changed == 1
    moved = load_original(name, output).state_dict()
    assert {key for key in native if not torch.equal(moved[key], native[key])} == {
        "model.layers.1.self_attn.k_proj.weight"
    }


def test_old_pickles_load_with_a_warning_and_go_back_as_safetensors(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    base, output = tmp_path / "base", tmp_path / "output"
    base.mkdir(), output.mkdir()
    native = write_original_checkpoint("chatglm", base, pickled=True)
    with caplog.at_level(logging.WARNING):
        model = load_original("chatglm", base)
    assert same(model.state_dict(), native)
    assert "holds pickled weights" in caplog.text
    assert write_original(model, base, output, ADAPTERS["chatglm"]).changed == 0
    assert not list(output.glob("*.bin*"))
    index = json.loads((output / "model.safetensors.index.json").read_text())["weight_map"]
    assert index == {key: path.name for path in output.glob("*.safetensors") for key in load_file(path)}
    assert same(load_original("chatglm", output).state_dict(), native)
