"""Comparisons that take seconds: what they are made of, and what they end with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.running import mft, settings, write_tasks

TASKS = {"add": 24, "reverse": 8, "unknown": 9}
MIX = "mix factor=2 runs=5 share=7"
"""The arm "mix" with as few small runs as there may be, each as long as there must be."""
MIX_SETTINGS = settings('data.include=["add", "reverse"]', "train.steps=6", "train.learning_rate=1e-2")


def write_comparison(folder: Path) -> Path:
    """Data, a recipe, and a workspace that draws nothing: drawing takes longer than these runs."""
    write_tasks(folder / "data", TASKS)
    (folder / "recipe.toml").write_text(
        """
        data = {path = "data", max_length = 128, valid_fraction = 0.2}
        model = {adapter = "llama", dtype = "float32"}
        train = {steps = 5, batch_size = 4, micro_batch_size = 2, learning_rate = 5e-3, save_every = 1, log_every = 1}
        loss = {name = "famo", probe_samples = 1}
        """
    )
    for task in ("add", "unknown"):
        (folder / "data" / task / "valid.jsonl").unlink()
    (folder / "plugins.toml").write_text('disabled = ["mft-report"]\n')
    return folder


def outcome(output: Path) -> dict[str, Any]:
    """What a comparison in this folder came to."""
    return json.loads((output / "compare.json").read_text())


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    """What two comparisons of the same have in common."""
    for run in found["runs"]:
        del run["folder"], run["seconds"]
    for cost in found["cost"].values():
        del cost["seconds"]
    sentences = found["reading"]["sentences"]
    found["reading"]["sentences"] = [each for each in sentences if not ("time" in each or each.startswith("Cost"))]
    return found


def compared_in(folder: Path, *command: str, output: str = "out") -> Path:
    """Where `mft compare` of the recipe in `folder` leaves its results, given these further words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert mft("compare", "recipe.toml", *command, "--output", output) == 0
    return folder / output


def results(output: Path) -> dict[str, bytes]:
    """What runs end with, byte by byte: losses of every sample, final weights, and the proportions of "mix"."""
    files = ("*/**/losses.npz", "*/**/final/*.safetensors", "*/proportions-*.json")
    return {str(path.relative_to(output)): path.read_bytes() for form in files for path in output.glob(form)}
