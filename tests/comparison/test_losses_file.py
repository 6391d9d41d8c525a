"""Measured losses survive writing, and damage is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mft_core.comparison.losses_file import LOSSES_FILE, TaskLossesBySample, read_losses, write_losses


def test_losses_survive_writing_and_damage_is_noticed(tmp_path: Path) -> None:
    large = np.arange(3, dtype=np.uint64) << np.uint64(60)
    parts = {
        "one": TaskLossesBySample(np.arange(3) + 0.5, np.arange(3) + 1, large),
        "zwei-ß": TaskLossesBySample(np.ones(1), np.ones(1, np.int64), large[2:]),
    }
    path = tmp_path / "losses.npz"
    write_losses(path, parts)
    found = read_losses(path)
    assert found is not None
    assert found.keys() == parts.keys()
    for name, part in parts.items():
        for column in ("cross_entropy", "tokens", "digests"):
            assert np.array_equal(getattr(found[name], column), getattr(part, column))
    path.write_bytes(path.read_bytes()[:-30])
    assert read_losses(path) is None
    assert read_losses(tmp_path / "nothing") is None


def test_a_run_without_any_validation_samples_has_a_whole_file(tmp_path: Path) -> None:
    write_losses(tmp_path / LOSSES_FILE, {})
    assert read_losses(tmp_path / LOSSES_FILE) == {}
