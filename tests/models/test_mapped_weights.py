"""Weights in files and weights in memory are told apart; tests/end_to_end/test_base_memory.py measures ranks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mft_core.models import mapped_weights
from mft_core.models.mapped_weights import held_bytes, whole_copy_warning

BYTES = 3 * 64 * 64 * 4


@pytest.fixture
def mapped(tmp_path: Path) -> nn.ParameterDict:
    """Three matrices of float32, as they lie in a file."""
    save_file(
        {str(number): torch.full((64, 64), float(number)) for number in range(3)}, tmp_path / "weights.safetensors"
    )
    return nn.ParameterDict(load_file(tmp_path / "weights.safetensors"))


def test_views_of_a_file_are_no_memory_of_the_process_and_copies_are(mapped: nn.ParameterDict) -> None:
    assert held_bytes(mapped) == 0
    mapped["1"] = nn.Parameter(mapped["1"].detach().clone())
    assert held_bytes(mapped) == BYTES // 3
    assert held_bytes(mapped.to(torch.float64)) == 2 * BYTES


def test_what_is_elsewhere_does_not_count(mapped: nn.ParameterDict, monkeypatch: pytest.MonkeyPatch) -> None:
    assert held_bytes(nn.Linear(4, 4, device="meta")) == 0
    monkeypatch.setattr(mapped_weights, "MAPS", Path("/nowhere/maps"))
    assert held_bytes(mapped.to(torch.float64)) == 0


def test_much_of_a_model_in_each_process_is_told(mapped: nn.ParameterDict) -> None:
    assert whole_copy_warning(mapped, much=0) == ""
    converted = mapped.to(torch.float64)
    assert "each process holds 0.0 GiB" in whole_copy_warning(converted, much=0)
    assert whole_copy_warning(converted) == ""
