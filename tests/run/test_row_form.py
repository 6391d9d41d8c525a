"""Models that packed rows do not suit are trained on padded ones, and say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import BloomConfig, BloomForCausalLM, GPTBigCodeConfig, GPTBigCodeForCausalLM

from helpers.running import arguments, events, mft, write_tasks
from mft_core.comparison.measuring import measure_base
from mft_core.errors import MftError
from mft_core.recipe.loading import load_recipe
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.run.plan import make_plan
from mft_core.run.row_form import refuse_positions_never_learnt
from mft_core.testing.small_tokenizers import small_tokenizer

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


@pytest.mark.slow
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
    assert {len(row) for row in plan.training.step(0)[0]} == {1}  # known before its weights are loaded
    assert any("every row holds one sample" in warning for warning in plan.warnings)
    found, counts = measure_base(plan).sample_losses()
    model = BloomForCausalLM.from_pretrained(folder / "base").eval()
    for index in range(len(plan.validation)):
        ids, supervised = (torch.from_numpy(array.copy()) for array in plan.validation.tokens(index))
        labels = torch.where(supervised, ids, -100)[None]
        alone = model(input_ids=ids[None], labels=labels).loss * int(counts[index])
        assert found[index] == pytest.approx(float(alone.detach()), rel=1e-5)


POSITIONS = 128


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with a table of positions."""
    folder = tmp_path_factory.mktemp("learnt")
    tokenizer = small_tokenizer()
    config = GPTBigCodeConfig(vocab_size=len(tokenizer), n_positions=POSITIONS, n_embd=64, n_layer=1, n_head=4)
    GPTBigCodeForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def of_learnt(base: Path, data: Path, output: Path) -> list[str]:
    command = arguments(data, output, "--steps", "2", "--set", f"data.max_length={8 * POSITIONS}", "--base", str(base))
    command[command.index("llama")] = "starcoder"
    return command


@pytest.mark.slow
@pytest.mark.parametrize("packer", ["pad", "best-fit"])
def test_rows_may_be_longer_than_the_positions_a_model_has_learnt(learnt, tmp_path, monkeypatch, packer) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_tasks(tmp_path / "data", {"one": 9, "two": 4})
    assert mft(*of_learnt(learnt, data, tmp_path / "run"), "--packer", packer) == 0
    assert len(events(tmp_path / "run", "train")) == 2


@pytest.mark.slow
def test_a_sample_longer_than_the_positions_a_model_has_learnt_is_over_long(learnt, tmp_path, capsys) -> None:
    data = write_tasks(tmp_path / "data", {"one": 9})
    with (data / "one" / "train.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"prompt": "long", "response": "alpha " * (POSITIONS // 2)}) + "\n")
    for overlong in ("drop", "truncate"):
        run = tmp_path / overlong
        assert mft(*of_learnt(learnt, data, run), "--set", f"data.overlong={overlong}") == 0
        assert f"learnt {POSITIONS} positions" in " ".join(capsys.readouterr().out.split())
        (start,) = events(run, "start")
        assert start["tasks"]["one"]["overlong" if overlong == "drop" else "truncated"] == 1


@pytest.mark.slow
def test_samples_tokenised_for_another_model_are_refused(learnt, tmp_path) -> None:
    model = GPTBigCodeForCausalLM.from_pretrained(learnt)
    data = write_tasks(tmp_path / "data", {"one": 9})
    wishes = {"model.base": "tiny", "model.adapter": "llama", "data.path": str(data), "data.valid_fraction": 0.2}
    plan = make_plan(load_recipe(None, list(wishes.items())), discover(Workspace.find(tmp_path)).catalog)
    refuse_positions_never_learnt(model, plan)
    model.config.max_position_embeddings = model.transformer.wpe.num_embeddings = 3
    with pytest.raises(MftError, match="learnt 3 positions"):
        refuse_positions_never_learnt(model, plan)
