"""What is shared of a finished model says nothing of this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mft_core.errors import MftError
from mft_core.tuning.repository_files import RepositoryFile, is_place, named_base, repository_files, without_places

BASE = ("org/base", "abc")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """Files as a run leaves them."""
    folder = tmp_path / "final"
    folder.mkdir()
    config = {"base_model_name_or_path": str(tmp_path / "base"), "revision": None, "r": 4}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "mft.json").write_text(json.dumps({"dtype": "float32", "base": str(tmp_path / "base")}))
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"/usr": 1}}}))
    (folder / "adapter_model.safetensors").write_bytes(b"12345")
    (folder / "README.md").write_text(f"in {tmp_path}")
    (folder / ".hidden").write_text("")
    return folder


def contents(files: list[RepositoryFile], name: str) -> Any:
    (content,) = [one.content for one in files if one.name == name]
    return json.loads(content if isinstance(content, bytes) else content.read_bytes())


def test_an_adapter_names_its_base_on_the_hub_and_nothing_here(adapter: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in adapter.iterdir()}
    files = repository_files(adapter, "# Card\n", BASE)
    assert [one.name for one in files] == [
        "README.md", "adapter_config.json", "adapter_model.safetensors", "mft.json", "tokenizer.json",
    ]  # fmt: skip
    assert contents(files, "adapter_config.json") == {"base_model_name_or_path": "org/base", "revision": "abc", "r": 4}
    assert contents(files, "mft.json") == {"dtype": "float32", "base": "org/base"}
    assert files[0] == RepositoryFile("README.md", b"# Card\n")
    assert [one.size for one in files if one.name == "adapter_model.safetensors"] == [5]
    assert not any(isinstance(one.content, bytes) and str(tmp_path).encode() in one.content for one in files)
    assert {path.name: path.read_bytes() for path in adapter.iterdir()} == before


def test_a_place_that_nothing_stands_for_is_an_error(adapter: Path) -> None:
    with pytest.raises(MftError, match=r"adapter_config.json names a place on this machine"):
        repository_files(adapter, "", None)
    (adapter / "tokenizer_config.json").write_text('{"name_or_path": "/data/tokenizer"}')
    with pytest.raises(MftError, match=r"tokenizer_config.json names .* name_or_path = '/data/tokenizer'"):
        repository_files(adapter, "", BASE)


def test_secrets_are_in_nothing_that_is_shared(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "very-secret-0123")
    (adapter / "config.json").write_text('{"note": "very-secret-0123"}')
    files = repository_files(adapter, "by very-secret-0123", BASE)
    assert contents(files, "config.json") == {"note": "[redacted]"}
    assert files[0].content == b"by [redacted]"


def test_what_an_adapter_calls_its_base(adapter: Path) -> None:
    assert named_base(adapter) is None
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base", "revision": "abc"}')
    assert named_base(adapter) == BASE
    assert named_base(adapter.parent) is None


def test_paths_of_a_recipe_keep_their_last_part() -> None:
    values = {"a": ["/data/set", "set"], "b": {"c": "C:\\me\\x.jsonl", "d": "~/y", "e": 1, "f": "hf:org/set"}}
    assert without_places(values) == {"a": ["set", "set"], "b": {"c": "x.jsonl", "d": "y", "e": 1, "f": "hf:org/set"}}
    assert not is_place("/ a template\n{{ x }}")
