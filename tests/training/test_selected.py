"""The best evaluated model that is whole is the result."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mft_core.training.checkpoint import CheckpointFolder
from mft_core.training.selected import load_selected
from mft_core.training.selection import Selection

LOSSES = {1: 3.0, 2: 1.0, 3: 2.0, 4: 2.5, 5: 4.0}


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointFolder:
    """Of all evaluated steps but the last, whose model is in memory, and the first, which was rotated away."""
    folder = CheckpointFolder(tmp_path / "checkpoints", keep=9)
    for step in (2, 3, 4):
        folder.save(step, {"model": {"weight": torch.full((2,), float(step))}, "optimizer": {}}, {})
    return folder


def selection() -> Selection:
    observed = Selection("paper")
    for step, loss in LOSSES.items():
        observed.observe(step, loss, {})
    return observed


@pytest.mark.parametrize(("damaged", "expected"), [([], 2), ([2], 3), ([2, 3], 4), ([3], 2), ([2, 3, 4], None)])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_ones_are_named_and_passed_over(checkpoints, damaged, expected, damage) -> None:
    for step in damaged:
        path = checkpoints.folder(step) / "model.safetensors"
        content = path.read_bytes()
        if damage == "remove":
            path.unlink()
        else:
            path.write_bytes(content[:-1] + (bytes([content[-1] ^ 1]) if damage == "flip" else b""))
    found, warnings = load_selected(checkpoints, selection().ranked, step=5)
    assert (found.step if found else None) == expected
    better = [step for step in damaged if expected is None or LOSSES[step] < LOSSES[expected]]
    assert len(warnings) == len(better)
    assert all(
        f"step {step} " in text and f"step-{step:06d}" in text for step, text in zip(better, warnings, strict=True)
    )


def test_the_model_in_memory_needs_no_checkpoint(checkpoints) -> None:
    assert load_selected(checkpoints, selection().ranked, step=2) == (None, [])
    assert load_selected(checkpoints, [], step=5) == (None, [])


def test_a_best_one_that_is_gone_is_named(checkpoints) -> None:
    for path in checkpoints.folder(2).iterdir():
        path.unlink()
    checkpoints.folder(2).rmdir()
    found, (warning,) = load_selected(checkpoints, selection().ranked, step=5)
    assert found is not None
    assert found.step == 3
    assert "step 2 cannot be the result" in warning
