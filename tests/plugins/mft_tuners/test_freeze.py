"""The last layers trained, and nothing else but what is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from helpers.running import arguments, events, mft, settings, write_tasks
from helpers.tiny_models import SMALL, load_tiny
from mft_core.errors import UsageError
from mft_core.testing.tuned_models import tuned_model, tuner_of


def trained(model: torch.nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("architecture", ["llama", "gpt_neox", "starcoder2", "gemma"])
def test_the_last_layer_is_trained_and_nothing_else(architecture: str, tmp_path: Path) -> None:
    model = tuned_model(load_tiny(architecture, tmp_path), method="freeze", layers=1)
    last = max(int(part) for name in trained(model) for part in name.split(".") if part.isdigit())
    assert last == model.config.num_hidden_layers - 1
    every = {name for name, _ in model.named_parameters() if f".{last}." in name}
    assert trained(model) == every != set()


def test_norms_head_and_embeddings_are_trained_where_they_are_asked_for() -> None:
    def names(tied: bool, **settings: bool) -> set[str]:
        model = LlamaForCausalLM(LlamaConfig(**SMALL, tie_word_embeddings=tied))
        return trained(tuned_model(model, method="freeze", layers=0, **settings))

    assert names(False, head=True) == {"lm_head.weight"}
    assert names(True, head=True) == names(True, embeddings=True) == {"model.embed_tokens.weight"}
    norms = names(False, norms=True)
    assert "model.norm.weight" in norms
    assert all(name.endswith("norm.weight") for name in norms)
    assert len(norms) == 2 * 2 + 1


def test_more_layers_than_there_are_are_refused_with_their_number(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tune\.layers = 9: this model has 2 decoder layers") as caught:
        tuned_model(load_tiny("llama", tmp_path), method="freeze", layers=9)
    assert "tune.method = full" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "words"),
    [({}, "the last 2 layers"), ({"layers": 1, "head": True}, "the last layer, head"), ({"layers": 0}, "nothing")],
)
def test_it_says_what_it_trains(settings: dict[str, int], words: str) -> None:
    assert tuner_of(method="freeze", **settings).words() == words


@pytest.mark.slow
def test_a_run_leaves_the_frozen_layers_as_they_are_on_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, run, base = write_tasks(tmp_path / "data"), tmp_path / "run", tmp_path / "base"
    LlamaForCausalLM(LlamaConfig(**{**SMALL, "vocab_size": 2048})).save_pretrained(base)
    from transformers import AutoTokenizer

    from mft_bases.tiny import TOKENIZER

    AutoTokenizer.from_pretrained(TOKENIZER).save_pretrained(base)
    freeze = settings("tune.method=freeze", "tune.layers=1", "train.learning_rate=0.01")
    assert mft(*arguments(data, run, "--base", str(base), "--steps", "4", *freeze)) == 0, capsys.readouterr().err
    first, *_, last = (event["loss"] for event in events(run, "eval"))
    assert last < first
    before, after = load_file(base / "model.safetensors"), load_file(run / "final" / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("model.layers.1.") for name in changed)
    assert json.loads((run / "final" / "mft.json").read_text())["form"] == "model"
    assert mft("export", str(run), "--output", str(tmp_path / "out")) == 0, capsys.readouterr().err
    capsys.readouterr()
    too_many = (*arguments(data, tmp_path / "other", "--base", str(base), *freeze), "--set", "tune.layers=3")
    assert mft(*too_many) == 2
    assert "this model has 2 decoder layers" in " ".join(capsys.readouterr().err.split())
