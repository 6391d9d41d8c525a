"""The Hub."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import mft_bases
from helpers.bases import request
from helpers.running import arguments, mft, write_tasks
from helpers.tiny_models import load_tiny
from mft_bases.hub import Hub
from mft_bases.remote import fetch_weights
from mft_bases.tiny import Tiny
from mft_core.errors import MftError, UsageError


def test_the_hub_out_of_reach_is_an_error_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MftError) as caught:
        Hub().fetch("nobody-at-all/no-such-model@main", request("", tmp_path))
    assert "nobody-at-all/no-such-model@main is not in the cache" in caught.value.message
    assert "--base tiny" in caught.value.hint
    with pytest.raises(UsageError, match="cannot be a repository"):
        Hub().fetch("not a name/at all", request("", tmp_path))


def test_a_missing_library_is_declared() -> None:
    declared = {component.name: component.requires for component in mft_bases.mft_bases()}
    assert declared["modelscope"] == ("modelscope",)
    assert list(declared) == ["tiny", "smollm2", "pypi", "folder", "hub", "modelscope"]


def test_pickled_weights_are_fetched_only_where_there_are_no_others(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def download(patterns: list[str]) -> str:
        asked.append(patterns)
        return str(tmp_path)

    fetch_weights(download)
    assert ["*.bin" in patterns for patterns in asked] == [False, True]
    (tmp_path / "model.safetensors").write_bytes(b"")
    asked.clear()
    fetch_weights(download)
    assert ["*.bin" in patterns for patterns in asked] == [False]


def add_snapshot(cache: Path, base: Path, commit: str) -> None:
    """A repository "org/small" in the Hub's own cache, whose branch main is at `commit`."""
    repository = cache / "models--org--small"
    shutil.copytree(base, repository / "snapshots" / commit)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit)


@pytest.mark.slow
def test_a_run_keeps_the_revision_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    old, new = "a" * 40, "b" * 40
    base = Tiny().fetch("", request("llama", tmp_path / "tiny"))
    add_snapshot(tmp_path / "hub", base, old)
    command = arguments(write_tasks(tmp_path / "data"), tmp_path / "run", "--base", "org/small", "--steps", "2")
    assert mft(*command, "--set", "train.save_every=1") == 0
    recipe = (tmp_path / "run" / "recipe.toml").read_text()
    assert f'base = "org/small@{old}"' in recipe
    assert f"org/small@{old}" in (tmp_path / "run" / "components.json").read_text()
    load_tiny("llama", tmp_path / "other")
    shutil.copy(base / "tokenizer.json", tmp_path / "other")
    add_snapshot(tmp_path / "hub", tmp_path / "other", new)
    shutil.rmtree(tmp_path / "run" / "final")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-000002")
    assert mft(*command, "--set", "train.save_every=1", "--resume") == 0
    assert (tmp_path / "run" / "recipe.toml").read_text() == recipe
    assert old in (tmp_path / "run" / "final" / "adapter_config.json").read_text()
