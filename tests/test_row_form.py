"""Models that packed rows do not suit are trained on padded ones, and say so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from running import arguments, events, mft, write_tasks
from transformers import BloomConfig, BloomForCausalLM

from mft_core.comparison.measuring import measure_base
from mft_core.discovery import discover
from mft_core.plan import make_plan
from mft_core.recipe_loading import load_recipe
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.workspace import Workspace

PLUGIN = """
from mft_core.hookspecs import Component, hookimpl
from mft_core.interfaces import ModelAdapter

@hookimpl
def mft_models():
    return [Component("bloom", "bloom_plugin:Bloom", "Bloom, whose attention knows no documents")]

class Bloom(ModelAdapter):
    native_types = ("bloom",)
    lora_targets = ("query_key_value",)

    def tiny_config(self, vocabulary_size):
        from transformers import BloomConfig

        return BloomConfig(vocab_size=vocabulary_size, hidden_size=64, n_layer=2, n_head=4)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, its plugin, and data."""
    folder = tmp_path_factory.mktemp("bloom")
    (folder / "plugins.toml").write_text('disabled = ["mft-report"]\n', encoding="utf-8")
    (folder / "bloom_plugin.py").write_text(PLUGIN, encoding="utf-8")
    tokenizer = small_tokenizer()
    torch.manual_seed(0)
    config = BloomConfig(vocab_size=len(tokenizer), hidden_size=64, n_layer=2, n_head=4)
    BloomForCausalLM(config).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    write_tasks(folder / "data")
    return folder


def test_a_run_falls_back_to_padding_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    command = arguments(folder / "data", folder / "run", "--plugin", "bloom_plugin.py", "--steps", "3")
    command[command.index("llama")] = "bloom"
    assert mft(*command, "--base", str(folder / "base")) == 0
    (warning,) = [event["message"] for event in events(folder / "run", "warning") if "one sample" in event["message"]]
    assert "Bloom" in warning
    assert len(events(folder / "run", "train")) == 3


def test_its_losses_are_those_of_every_sample_alone(folder: Path) -> None:
    catalog = discover(Workspace.find(), [folder / "bloom_plugin.py"]).catalog
    wishes = {"model.base": str(folder / "base"), "data.path": str(folder / "data"), "model.dtype": "float32"}
    plan = make_plan(load_recipe(None, list(wishes.items())), catalog)
    found, counts = measure_base(plan).sample_losses()
    model = BloomForCausalLM.from_pretrained(folder / "base").eval()
    for index in range(len(plan.validation)):
        ids, supervised = (torch.from_numpy(array.copy()) for array in plan.validation.tokens(index))
        labels = torch.where(supervised, ids, -100)[None]
        alone = model(input_ids=ids[None], labels=labels).loss * int(counts[index])
        assert found[index] == pytest.approx(float(alone.detach()), rel=1e-5)
