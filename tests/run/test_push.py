"""Results made ready for the Hub: an adapter, a merged model, a whole one; with what their cards say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.finished_runs import finished
from mft_core.errors import MftError, UsageError
from mft_core.registry.catalog import Catalog
from mft_core.run.push import check_push, files_to_push
from mft_core.tuning.repository_files import RepositoryFile


def text(files: list[RepositoryFile], name: str) -> str:
    (content,) = [one.content for one in files if one.name == name]
    return (content if isinstance(content, bytes) else content.read_bytes()).decode()


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A folder with an adapter of a base that is a folder."""
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    return tmp_path / "run"


def test_an_adapter_needs_a_name_for_its_base(adapter: Path, catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the adapter's base is a folder on this machine") as caught:
        files_to_push(adapter, "me/x", catalog).__enter__()
    assert "--base-name ORG/NAME" in caught.value.hint
    assert "--format merged" in caught.value.hint
    with files_to_push(adapter, "me/x", catalog, base_name="org/base@v1") as files:
        config = json.loads(text(files, "adapter_config.json"))
        assert (config["base_model_name_or_path"], config["revision"]) == ("org/base", "v1")
        card = text(files, "README.md")
        assert 'base_model: "org/base"' in card
        assert 'from_pretrained("org/base", revision="v1")' in card
        assert all(str(tmp_path) not in text(files, one.name) for one in files if not one.name.endswith("tensors"))


def test_a_merged_model_is_made_beside_the_run_and_taken_away(adapter: Path, catalog: Catalog) -> None:
    before = sorted(adapter.iterdir())
    with files_to_push(adapter, "me/x", catalog, format="merged") as files:
        names = [one.name for one in files]
        assert {"model.safetensors", "config.json"} <= set(names)
        assert not {"adapter_config.json", "mft.json"} & set(names)
        assert "# A model tuned from" in text(files, "README.md")
    assert sorted(adapter.iterdir()) == before


def test_a_whole_model_goes_as_it_is(catalog: Catalog, tmp_path: Path) -> None:
    finished("llama", "full", tmp_path / "base", tmp_path / "run")
    with files_to_push(tmp_path / "run", "me/x", catalog) as files:
        assert json.loads(text(files, "mft.json"))["base"] == ""
        assert [one.content for one in files if one.name == "model.safetensors"] == [
            tmp_path / "run" / "final" / "model.safetensors"
        ]
    with pytest.raises(UsageError, match="no adapter of PEFT"):
        files_to_push(tmp_path / "run", "me/x", catalog, format="adapter").__enter__()


def test_a_folder_without_a_model_is_said(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(MftError, match="holds no finished model"):
        files_to_push(tmp_path, "me/x", catalog).__enter__()


@pytest.mark.parametrize(
    ("run", "repository", "format", "base_name", "expected"),
    [
        ("gone", "me/x", "", "", "There is no folder gone"),
        (".", "x", "", "", "'x' does not say whose"),
        (".", "me/x", "merge", "", "There is no format 'merge'"),
        (".", "me/x", "", "base", "'base' does not say whose"),
    ],
)
def test_wrong_use_is_refused_first(run: str, repository: str, format: str, base_name: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        check_push(Path(run), repository, format, base_name)
