"""Weights in files, compared bit by bit; checkpoints in the original formats, loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from helpers.original_checkpoints import ORIGINALS
from mft_core.models.loading import load_base


def load_original(name: str, folder: Path, dtype: torch.dtype | None = None) -> Any:
    return load_base(ORIGINALS[name].adapter, folder, dtype or ORIGINALS[name].dtype)


def stored(folder: Path) -> dict[str, torch.Tensor]:
    return {key: tensor for path in folder.glob("model*.safetensors") for key, tensor in load_file(path).items()}


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in expected)
