"""docs/making.md has every method with its options, and recipes that are valid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY
from mft_core.making.recipe import MakeRecipe
from mft_core.registry.catalog import Entry, load_entry
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.support.toml_files import read_toml

CATALOG = discover(Workspace()).catalog
ENTRIES = [entry for entry in CATALOG.of_kind("maker") if entry.distribution == "mft"]
OF_ALL = {"language"}
"""Options that the page names once for all methods."""


def sections() -> Mapping[str, str]:
    page = (REPOSITORY / "docs" / "making.md").read_text(encoding="utf-8")
    parts = page.partition("## Methods")[2].partition("\n## ")[0].split("\n### ")[1:]
    return {part.partition("\n")[0]: part for part in parts}


def test_every_method_has_its_section() -> None:
    assert sorted(sections()) == [entry.name for entry in ENTRIES]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_its_recipe_is_valid_and_its_options_are_named(entry: Entry, tmp_path: Path) -> None:
    section = sections()[entry.name]
    (block,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    (path := tmp_path / "recipe.toml").write_text(block, encoding="utf-8")
    recipe = MakeRecipe.model_validate(read_toml(path))
    assert recipe.method.name == entry.name
    CATALOG.build("maker", recipe.method.name, recipe.method.options, "[method]")
    options = {
        name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    expected = load_entry(entry).Options.model_fields.keys() - OF_ALL
    assert options == expected - ({"code_languages"} if entry.name == "tests" else set())
