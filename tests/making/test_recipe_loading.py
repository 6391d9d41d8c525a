"""Recipes of `mft data make`: the file, the flags over it, and what is wrong said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.making.recipe_loading import load_make_recipe
from mft_core.registry.catalog import Catalog
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace

RECIPE = """
n = 7
output = "made"

[method]
name = "exercises"
topics = "points.txt"

[model]
endpoint = "http://localhost:1/v1"
name = "one"
prices = [1.0, 2.0]
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover(Workspace()).catalog


def write(folder: Path, text: str) -> Path:
    path = folder / "make.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_in_the_file_are_relative_to_it(tmp_path: Path, catalog: Catalog) -> None:
    recipe = load_make_recipe(write(tmp_path, RECIPE), [], catalog)
    assert recipe.output == str(tmp_path / "made")
    assert recipe.method.options["topics"] == str(tmp_path / "points.txt")
    assert (recipe.n, recipe.model.prices) == (7, (1.0, 2.0))


def test_flags_go_before_the_file(tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    wishes = [("n", 9), ("method.topics", "others.txt"), ("filters.judge", 7)]
    recipe = load_make_recipe(write(tmp_path, RECIPE), wishes, catalog)
    assert recipe.n == 9
    assert recipe.method.options["topics"] == str(tmp_path / "here" / "others.txt")
    assert recipe.filters.judge == 7
    assert recipe.model.name == "one"


def test_another_method_loses_the_options_of_the_old_one(tmp_path: Path, catalog: Catalog) -> None:
    recipe = load_make_recipe(write(tmp_path, RECIPE), [("method", "dialogue")], catalog)
    assert (recipe.method.name, recipe.method.options) == ("dialogue", {})


def test_options_without_a_method_are_those_of_the_default_one(tmp_path: Path, catalog: Catalog) -> None:
    recipe = load_make_recipe(write(tmp_path, '[method]\ntopics = "points.txt"'), [], catalog)
    assert (recipe.method.name, recipe.method.options) == ("exercises", {"topics": str(tmp_path / "points.txt")})


def test_what_was_read_is_written_and_read_again(tmp_path: Path, catalog: Catalog) -> None:
    recipe = load_make_recipe(write(tmp_path, RECIPE), [], catalog)
    (tmp_path / "again").mkdir()
    assert load_make_recipe(write(tmp_path / "again", recipe.as_toml()), [], catalog) == recipe


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("m = 3", "unknown option"),
        ("[filters]\njugde = 3", "did you mean 'filters.judge'"),
        ("n = 0", "n = 0"),
        ('[model]\nkey_variable = "sk-abcdefghijklmnopqrstuvwxyz0123456789"', "secret"),
        ('method = "exercise"', "Did you mean 'exercises'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, catalog: Catalog, text: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        load_make_recipe(write(tmp_path, text), [], catalog)
    assert told in str(error.value)
    assert "sk-abc" not in str(error.value)


def test_another_model_keeps_the_rest_of_what_the_file_says_of_it(tmp_path: Path, catalog: Catalog) -> None:
    path = write(tmp_path, RECIPE.replace("prices", "budget_tokens = 1000\nprices"))
    recipe = load_make_recipe(path, [("model.name", "two"), ("model.temperature", 0.0)], catalog)
    assert (recipe.model.endpoint, recipe.model.name) == ("http://localhost:1/v1", "two")
    assert (recipe.model.budget_tokens, recipe.model.prices) == (1000, (1.0, 2.0))


def test_a_wrong_value_names_the_keys_of_its_table_alone(catalog: Catalog) -> None:
    with pytest.raises(UsageError) as error:
        load_make_recipe(None, [("filters.judge", 11)], catalog)
    assert "filters.judge = 11" in error.value.message
    assert "filters.rouge" in error.value.hint
    assert "model." not in error.value.hint
    assert "valid_fraction" not in error.value.hint
