"""What a run leaves behind loads in plain transformers and PEFT, belongs to one base, and is whole or absent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from helpers.finished_runs import finished, logits, plain_logits
from helpers.tiny_models import ADAPTERS, config_of, write_checkpoint
from mft_bases.tiny import TOKENIZER
from mft_core.errors import MftError
from mft_core.testing.random_models import relative_difference
from mft_core.tuning.fingerprint import base_fingerprint
from mft_core.tuning.finished import load_run
from mft_core.tuning.saving import written_whole


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_finished_run_loads_again_bit_by_bit(method: str, dtype: torch.dtype, tmp_path: Path) -> None:
    model = finished("llama", method, tmp_path / "base", tmp_path / "run", dtype)
    loaded, tokenizer = load_run(tmp_path / "run", ADAPTERS.items())
    assert torch.equal(logits(loaded), logits(model))
    assert loaded.dtype == dtype
    assert not loaded.training
    assert len(tokenizer) == 2048
    from_final, _ = load_run(tmp_path / "run" / "final", ADAPTERS.items())
    assert torch.equal(logits(from_final), logits(model))


def test_plain_transformers_and_peft_load_it_without_us(tmp_path: Path) -> None:
    methods = ("lora", "full")
    expected = [logits(finished("llama", method, tmp_path / "base", tmp_path / method)) for method in methods]
    folders = [tmp_path / method / "final" for method in methods]
    for found, folder, own in zip(plain_logits(*folders), folders, expected, strict=True):
        assert relative_difference(found, own) < 1e-6
        assert (folder / "tokenizer.json").is_file()
        assert [path.name for path in folder.glob("*.json") if "mft_packed" in path.read_text()] == []


def test_the_folder_has_what_peft_expects_and_where_the_base_lies(tmp_path: Path) -> None:
    finished("gpt_neox", "lora", tmp_path / "base", tmp_path / "run")
    folder = tmp_path / "run" / "final"
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tmp_path / "base")
    names = load_file(folder / "adapter_model.safetensors").keys()
    assert all("lora_" in name for name in names)


def test_a_hub_snapshot_is_remembered_by_its_name_and_commit(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--org--some-name" / "snapshots" / "0123abcd"
    finished("llama", "lora", snapshot, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "final" / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("org/some-name", "0123abcd")
    load_run(tmp_path / "run", ADAPTERS.items())


def test_an_adapter_on_another_base_is_refused(tmp_path: Path) -> None:
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    moved = tmp_path / "moved"
    (tmp_path / "base").rename(moved)
    with pytest.raises(MftError, match="is not where it was"):
        load_run(tmp_path / "run", ADAPTERS.items())
    load_run(tmp_path / "run", ADAPTERS.items(), base=moved)
    write_checkpoint("llama", tmp_path / "base", seed=9)
    with pytest.raises(MftError, match="trained on other weights"):
        load_run(tmp_path / "run", ADAPTERS.items())


def test_the_fingerprint_follows_weights_and_shape_and_nothing_else(tmp_path: Path) -> None:
    original = base_fingerprint(write_checkpoint("llama", tmp_path / "a"))
    again = write_checkpoint("llama", tmp_path / "b")
    config = json.loads((again / "config.json").read_text())
    (again / "config.json").write_text(json.dumps({**config, "transformers_version": "4.0"}))
    assert base_fingerprint(again) == original
    (again / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 1e-3}))
    assert base_fingerprint(again) != original
    other = write_checkpoint("llama", tmp_path / "c")
    weights = load_file(other / "model.safetensors")
    save_file({name: weight * 1.001 for name, weight in weights.items()}, other / "model.safetensors", {"format": "pt"})
    assert base_fingerprint(other) != original


def test_a_run_without_result_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(MftError, match="holds no finished model"):
        load_run(tmp_path / "run", ADAPTERS.items())


def test_a_base_can_be_loaded_as_it_is(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    AutoTokenizer.from_pretrained(TOKENIZER).save_pretrained(tmp_path)
    model, tokenizer = load_run(tmp_path, ADAPTERS.items())
    assert model.dtype == torch.float64
    assert model.config.model_type == config_of("llama").model_type
    assert tokenizer.pad_token == "<pad>"


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with written_whole(target) as folder:
        (folder / "a").write_text("old")

    def fail_halfway() -> None:
        with written_whole(target) as folder:
            (folder / "a").write_text("half")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail_halfway()
    assert (target / "a").read_text() == "old"
    with written_whole(target) as folder:
        assert list(folder.iterdir()) == []
        (folder / "b").write_text("new")
    assert [path.name for path in target.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MftError, match="could not be written"), written_whole(tmp_path / "file" / "target"):
        pass
