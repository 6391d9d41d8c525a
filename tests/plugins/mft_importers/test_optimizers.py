"""Other tools' optimizers: their names, options and LoRA+, as runs of ours take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.running import mft
from mft_core.hookspecs import Component
from mft_core.recipe.loading import load_recipe
from mft_importers.optimizers import OPTIMIZERS
from mft_optimizers import mft_optimizers


def imported(folder: Path, text: str) -> dict[str, Any]:
    """[train] of the recipe that a configuration of LLaMA-Factory becomes."""
    (folder / "theirs.yaml").write_text(f"stage: sft\nfinetuning_type: lora\ndataset: a\n{text}\n", encoding="utf-8")
    (recipe := folder / "recipe.toml").unlink(missing_ok=True)
    assert mft("init", str(recipe), "--from", str(folder / "theirs.yaml")) == 0
    return load_recipe(recipe).model_dump(mode="json")["train"]


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_name_becomes_one_that_can_be_built(name: str, tmp_path: Path) -> None:
    choice = imported(tmp_path, f"optim: {name}")["optimizer"]
    chosen = {"name": choice} if isinstance(choice, str) else choice
    components: dict[str, Component] = {each.name: each for each in mft_optimizers()}
    module, _, kind = components[chosen.pop("name")].target.partition(":")
    built = getattr(__import__(module, fromlist=[kind]), kind).from_options(chosen)
    assert built.options.model_dump().items() >= {key: _as_read(value) for key, value in chosen.items()}.items()


def _as_read(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def test_the_usual_betas_of_transformers_are_said_and_given_ones_carried(tmp_path: Path) -> None:
    assert imported(tmp_path, "")["optimizer"] == {"name": "adamw", "betas": [0.9, 0.999]}
    given = imported(tmp_path, "optim: adamw_torch\nadam_beta1: 0.8\nadam_beta2: 0.95\nadam_epsilon: 1.0e-6")
    assert given["optimizer"] == {"name": "adamw", "betas": [0.8, 0.95], "eps": 1e-6}
    assert imported(tmp_path, "adam_beta2: 0.95")["optimizer"] == "adamw"
    assert imported(tmp_path, "optim: lion_8bit\nadam_beta2: 0.98")["optimizer"] == {
        "name": "lion", "bits": 8, "betas": [0.9, 0.98],
    }  # fmt: skip


def test_lora_plus_is_a_rate_of_b(tmp_path: Path) -> None:
    assert imported(tmp_path, "loraplus_lr_ratio: 16")["rate_factors"] == {"lora_B": 16.0}


def test_schedule_free_has_no_schedule(tmp_path: Path) -> None:
    train = imported(tmp_path, "optim: schedule_free_adamw\nlr_scheduler_type: cosine")
    assert (train["schedule"], train["optimizer"]["name"]) == ("constant", "schedule-free")


def test_what_is_unknown_is_said(tmp_path: Path) -> None:
    assert imported(tmp_path, "optim: galore_adamw")["optimizer"] == {"name": "adamw", "betas": [0.9, 0.999]}
    assert "galore_adamw" in (tmp_path / "recipe.toml").read_text(encoding="utf-8")
