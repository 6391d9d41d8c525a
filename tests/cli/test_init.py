"""`mft init`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from helpers.running import mft, write_tasks
from mft_cli.init import commented_recipe
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.recipe.tune_options import tuner_options
from mft_core.recipe.unknown_keys import recipe_keys
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.support.toml_files import read_toml


def test_init_writes_every_key_with_its_default(write) -> None:
    catalog = discover(Workspace()).catalog
    text = commented_recipe("recipe.toml", catalog)
    path = write(text)
    assert load_recipe(path, components=catalog) == load_recipe(None, components=catalog)
    for key in recipe_keys(tuner_options(catalog)):
        assert key.split(".")[-1] in text
    assert "\n# quant_type = " in text, "what only other tuners have is commented out"
    assert read_toml(path)["train"].keys() == Recipe().train.model_dump().keys()


@pytest.mark.slow
def test_what_init_says_comes_next_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mft("init", "my recipe.toml") == 0
    commands = re.findall(r"(?:: |then )mft (.*?)(?=, then|$)", capsys.readouterr().out.splitlines()[0])
    check, run = (shlex.split(command) for command in commands)
    assert (check[0], run[0]) == ("check", "run")
    small = ("--data", str(write_tasks(tmp_path / "tasks")), "--set", "model.dtype=float32")
    assert mft(*check, *small) == 0
    assert mft(*run, *small, "--dry-run") == 0


def test_an_importer_without_a_configuration_is_a_mistake(tmp_path: Path) -> None:
    assert mft("init", "--importer", "trl", str(tmp_path / "recipe.toml")) == 2
    assert not any(tmp_path.iterdir())
