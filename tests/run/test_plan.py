"""Whatever can be wrong with a recipe shows before the weights are loaded."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from helpers.running import arguments, mft
from mft_core.hookspecs import Component
from mft_core.recipe.schema import Choice, Recipe
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


def test_an_empty_task_fails_before_the_model_loads(data, tmp_path, capsys) -> None:
    (tmp_path / "tasks" / "void").mkdir(parents=True)
    (tmp_path / "tasks" / "void" / "train.jsonl").write_text("\n")
    assert mft(*arguments(tmp_path / "tasks", tmp_path / "run")) == 1
    assert "void" in capsys.readouterr().err


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
