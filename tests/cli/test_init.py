"""`mft init`."""

from __future__ import annotations

from mft_cli.init import commented_recipe
from mft_core.recipe.loading import load_recipe, recipe_keys
from mft_core.recipe.schema import Recipe
from mft_core.support.toml_files import read_toml


def test_init_writes_every_key_with_its_default(write) -> None:
    text = commented_recipe("recipe.toml")
    path = write(text)
    assert load_recipe(path) == Recipe()
    for key in recipe_keys():
        assert key.split(".")[-1] in text
    assert read_toml(path)["train"].keys() == Recipe().train.model_dump().keys()
