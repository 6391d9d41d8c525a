"""What identifies weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from helpers.tiny_models import config_of, write_checkpoint
from mft_core.testing.random_models import write_random_checkpoint
from mft_core.tuning.fingerprint import BLOCK, SAMPLED_BLOCKS, base_fingerprint, is_fingerprint_of

SAMPLED = "9939bb3c3d09ed85b157ef000ba4c17006db4a3d384da27583276156765dea84"
"""What mft recorded of 1,000 numbers when it sampled weights."""


def test_the_fingerprint_follows_weights_and_shape_and_nothing_else(tmp_path: Path) -> None:
    original = base_fingerprint(write_checkpoint("llama", tmp_path / "a"))
    again = write_checkpoint("llama", tmp_path / "b")
    config = json.loads((again / "config.json").read_text())
    (again / "config.json").write_text(json.dumps({**config, "transformers_version": "4.0"}))
    assert base_fingerprint(again) == original
    assert is_fingerprint_of(original, again)
    (again / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 1e-3}))
    assert base_fingerprint(again) != original
    other = write_checkpoint("llama", tmp_path / "c")
    weights = load_file(other / "model.safetensors")
    save_file({name: weight * 1.001 for name, weight in weights.items()}, other / "model.safetensors", {"format": "pt"})
    assert base_fingerprint(other) != original
    assert not is_fingerprint_of(original, other)


def test_one_zeroed_byte_anywhere_is_another_base(tmp_path: Path) -> None:
    config = config_of("llama")
    config.vocab_size = 8192
    path = write_random_checkpoint(config, tmp_path) / "model.safetensors"
    before = base_fingerprint(tmp_path)
    weights = bytearray(path.read_bytes())
    assert len(weights) > 2 * SAMPLED_BLOCKS * BLOCK  # what samples left out
    for place in (len(weights) // 3, len(weights) // 2 + BLOCK, len(weights) - 1):
        changed = weights.copy()
        changed[place] ^= 1
        path.write_bytes(changed)
        assert not is_fingerprint_of(before, tmp_path)
    path.write_bytes(weights)
    assert is_fingerprint_of(before, tmp_path)


def test_a_record_from_before_every_byte_counted_still_names_its_base_only(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    save_file({"weight": torch.arange(1000)}, tmp_path / "model.safetensors")
    assert is_fingerprint_of(SAMPLED, tmp_path)
    save_file({"weight": torch.arange(1, 1001)}, tmp_path / "model.safetensors")
    assert not is_fingerprint_of(SAMPLED, tmp_path)
