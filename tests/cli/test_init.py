"""`mft init`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY
from helpers.running import mft, write_tasks
from mft_cli.init import commented_recipe
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.recipe.tune_options import tuner_options
from mft_core.recipe.unknown_keys import recipe_keys
from mft_core.registry.catalog import Catalog
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


def recipe_of(catalog: Catalog, path: Path, *flags: str) -> Recipe:
    assert mft("init", str(path), *flags) == 0
    return load_recipe(path, components=catalog)


def test_flags_stand_in_the_recipe_in_place_of_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog: Catalog
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tasks(tmp_path / "my_tasks")
    recipe = recipe_of(
        catalog, Path("mine.toml"), "--data", "my_tasks", "--base", "smollm2", "--model", "llama", "--loss", "famo"
    )
    default = load_recipe(None, components=catalog)
    changed = default.having("model", base="smollm2", adapter="llama").having("data", path=str(tmp_path / "my_tasks"))
    assert recipe == changed.model_copy(update={"loss": default.loss.model_copy(update={"name": "famo"})})
    assert "`mft show loss.famo`" in Path("mine.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("recipe", "written"),
    [("mine.toml", "my_tasks"), ("recipes/mine.toml", "../my_tasks"), ("far/away/mine.toml", "{here}/my_tasks")],
)
def test_a_data_folder_is_named_from_the_recipe_where_it_lies_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog: Catalog, recipe: str, written: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / recipe
    path.parent.mkdir(parents=True, exist_ok=True)
    found = recipe_of(catalog, path, "--data", "my_tasks")
    assert Path(found.data.path).resolve() == tmp_path / "my_tasks"
    assert read_toml(path)["data"]["path"] == written.format(here=tmp_path)


def test_a_base_that_is_a_folder_is_found_from_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog: Catalog
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "recipes").mkdir()
    recipe = recipe_of(catalog, tmp_path / "recipes" / "mine.toml", "--base", "./checkpoint")
    assert Path(recipe.model.base).resolve() == tmp_path / "checkpoint"


def test_an_address_becomes_the_source(tmp_path: Path, catalog: Catalog) -> None:
    recipe = recipe_of(catalog, tmp_path / "mine.toml", "--data", "hf:ORG/NAME@v1:train")
    assert (recipe.data.source.name, recipe.data.path) == ("hf", "")
    assert recipe.data.source.options == {"address": "ORG/NAME@v1:train"}


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        ("--data d --base smollm2", "next: mft check mine.toml, then mft run mine.toml"),
        ("--data d --base tiny --model llama", "next: mft check mine.toml, then mft run mine.toml"),
        ("--data d", "to try it: mft check mine.toml --model qwen, then mft run mine.toml --model qwen"),
        ("--base smollm2", "to try it: mft check mine.toml --steps 30, then mft run mine.toml --steps 30"),
        ("", "to try it: mft check mine.toml --model qwen --steps 30, then mft run mine.toml --model qwen --steps 30"),
    ],
)
def test_the_hint_has_the_flags_that_the_recipe_leaves_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mft("init", "mine.toml", *flags.split()) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == f"wrote mine.toml; {hint}"
    assert any("path under [data]" in line for line in rest) == ("--data" not in flags)
    assert any("base under [model]" in line for line in rest) == ("--base" not in flags)


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        ("--loss famoo", "Did you mean 'famo'?"),
        ("--model lama", "Did you mean 'llama'?"),
        ("--from x.yaml --data d", "--from takes data, model and loss from that configuration"),
        ("--from x.yaml --loss famo", "--from takes data, model and loss from that configuration"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: str, what: str
) -> None:
    assert mft("init", str(tmp_path / "mine.toml"), *flags.split()) == 2
    assert what in " ".join(capsys.readouterr().err.split())
    assert not any(tmp_path.iterdir())


def test_the_tutorials_look_at_data_works_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")
    look = page[page.index("**Look at it.**") : page.index("**Compare, small.**")]
    commands = re.findall(r"^ +mft (.*)$", look, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["init", "data", "check", "data"]
    assert "--base smollm2" in commands[0]
    monkeypatch.chdir(tmp_path)
    write_tasks(tmp_path / "my_tasks")
    for command in commands:
        # The page's weights would have to be fetched.
        assert mft(*shlex.split(command.replace("--base smollm2", "--base tiny --model llama"))) == 0, command
        recipe = tmp_path / "mine.toml"
        text = recipe.read_text(encoding="utf-8").replace('dtype = "auto"', 'dtype = "float32"')
        recipe.write_text(text, encoding="utf-8")
