"""What a run leaves behind loads in plain transformers and PEFT, belongs to one base, and is whole or absent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from helpers.finished_runs import finished, logits, plain_logits
from helpers.tiny_models import ADAPTERS
from mft_core.errors import MftError
from mft_core.testing.random_models import relative_difference
from mft_core.tuning.finished import load_run
from mft_core.tuning.saving import written_whole


@pytest.mark.slow
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
