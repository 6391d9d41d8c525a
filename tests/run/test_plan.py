"""Whatever can be wrong with a recipe shows before the weights are loaded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.chat_bases import write_chat_base
from helpers.running import arguments, mft, settings
from mft_core.hookspecs import Component
from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import Recipe
from mft_core.registry.catalog import Entry
from mft_core.run.recipe_check import source_cache


def test_data_that_is_not_there_is_wrong_use(tmp_path, capsys) -> None:
    assert mft(*arguments(tmp_path / "nowhere", tmp_path / "run")) == 2
    assert "nowhere is not a folder" in " ".join(capsys.readouterr().err.split())


def test_an_unknown_name_is_wrong_use(data, tmp_path, capsys) -> None:
    assert mft(*arguments(data, tmp_path / "run", "--loss", "fano")) == 2
    assert "famo" in capsys.readouterr().err
    assert mft(*arguments(data, tmp_path / "run", "--loss", "famo", "--set", "loss.evry=2")) == 2
    assert "every" in capsys.readouterr().err


@pytest.mark.slow
def test_an_empty_task_fails_before_the_model_loads(data, tmp_path: Path, capsys) -> None:
    """On a base whose weights are cut short: whatever loads them fails with another error."""
    base, empty = tmp_path / "base", tmp_path / "tasks" / "void"
    write_chat_base(base)
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])

    def told(tasks: Path) -> str:
        small = settings("model.dtype=float32", "data.max_length=128")
        assert mft("run", "--base", str(base), "--data", str(tasks), "--output", str(tmp_path / "run"), *small) == 1
        return capsys.readouterr().err

    empty.mkdir(parents=True)
    (empty / "train.jsonl").write_text("\n")
    error = told(empty.parent)
    assert "void" in error
    assert weights.name not in error
    assert weights.name in told(data), "the weights should be damaged"


def test_the_tiny_base_needs_a_family(data, tmp_path, capsys) -> None:
    assert mft("run", "--data", str(data), "--output", str(tmp_path / "run")) == 2
    assert "--model" in capsys.readouterr().err


def test_every_source_and_every_choice_of_its_options_has_a_cache_of_its_own() -> None:
    def cache(plugin: str, name: str, **options: Any) -> str:
        entry = Entry("source", Component(name, "a:B", ""), plugin, plugin, "1")
        recipe = Recipe().having("data", source=Choice(name=name, options=options))
        return source_cache(recipe, SimpleNamespace(entries=[entry]))  # type: ignore[arg-type]

    different = [("a", "x", {}), ("b", "x", {}), ("a", "y", {}), ("a", "x", {"n": 1}), ("a", "x", {"n": 2})]
    assert len({cache(plugin, name, **options) for plugin, name, options in different}) == len(different)
    assert cache("a", "x", n=1, m=2) == cache("a", "x", m=2, n=1)
