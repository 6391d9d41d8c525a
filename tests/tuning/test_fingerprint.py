"""What identifies weights."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from helpers.tiny_models import write_checkpoint
from mft_core.tuning.fingerprint import base_fingerprint


def test_the_fingerprint_follows_weights_and_shape_and_nothing_else(tmp_path: Path) -> None:
    original = base_fingerprint(write_checkpoint("llama", tmp_path / "a"))
    again = write_checkpoint("llama", tmp_path / "b")
    config = json.loads((again / "config.json").read_text())
    (again / "config.json").write_text(json.dumps({**config, "transformers_version": "4.0"}))
    assert base_fingerprint(again) == original
    (again / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 1e-3}))
    assert base_fingerprint(again) != original
    other = write_checkpoint("llama", tmp_path / "c")
    weights = load_file(other / "model.safetensors")
    save_file({name: weight * 1.001 for name, weight in weights.items()}, other / "model.safetensors", {"format": "pt"})
    assert base_fingerprint(other) != original
