"""The schema for editors takes what a recipe may say, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from helpers.paths import REPOSITORY
from helpers.running import mft
from mft_cli.init import commented_recipe
from mft_cli.recipe_schema import schema_text
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.tune_options import tuner_options
from mft_core.recipe.unknown_keys import recipe_keys
from mft_core.registry.catalog import Catalog
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.support.toml_files import read_toml, toml_value

RUNS = [path for path in sorted((REPOSITORY / "recipes").glob("*.toml")) if path.name != "exercises.toml"]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json.loads(schema_text(discover(Workspace()).catalog))


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def table(text: str) -> dict[str, Any]:
    """TOML of one line, with dots for tables."""
    key, _, value = text.partition(" = ")
    for part in reversed(key.split(".")[1:]):
        value = f"{{{part} = {value}}}"
    return {key.split(".")[0]: toml_value(value)}


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_recipes_that_run_are_valid(path: Path, validator: Draft202012Validator) -> None:
    validator.validate(read_toml(path))


def test_a_recipe_of_every_default_is_valid(catalog: Catalog, validator: Draft202012Validator, write) -> None:
    validator.validate(read_toml(write(commented_recipe("recipe.toml", catalog))))
    validator.validate(read_toml(write(load_recipe(None, components=catalog).as_toml())))


def test_it_has_the_keys_that_recipes_have(catalog: Catalog, schema: dict[str, Any]) -> None:
    sections = {"data.tasks": "TaskSection"} | {
        name: field["$ref"].rpartition("/")[2] for name, field in schema["properties"].items() if "$ref" in field
    }
    keys = {
        f"{name}.{key}" for name, section in sections.items() for key in schema["$defs"][section].get("properties", ())
    }
    of_the_loss = {"loss.name", "loss.options"}
    assert keys | set(schema["properties"]) == set(recipe_keys(tuner_options(catalog))) - of_the_loss


def test_every_loss_may_stand_with_every_option(catalog: Catalog, validator: Draft202012Validator) -> None:
    for entry in catalog.of_kind("loss"):
        options = catalog.defaults("loss", f"{entry.plugin}/{entry.name}") or {}
        validator.validate({"loss": {"name": entry.name, **options}})
        validator.validate({"loss": f"{entry.plugin}/{entry.name}"})


@pytest.mark.parametrize(
    "text",
    [
        'loss.gamma = 3.0',
        'data.packer = "best-fit"',
        'train.optimizer = {eps = 1e-6}',
        'data.tasks = [{name = "a", train = "a.jsonl", reader = {name = "csv", delimiter = ";"}}]',
        'train.optimizer = {name = "muon", momentum = 0.9}',
        'train.callbacks = ["report"]',
        'train.gradient_checkpointing = true',
        'eval = ["loss", {name = "humaneval", every = 5, limit = 3}]',
        'model.adapter = "mft-llama/llama"',
        'tune.rank = 4',
        'tune.quant_type = "nf4"',
    ],
)  # fmt: skip
def test_what_recipes_say_is_valid(text: str, validator: Draft202012Validator, catalog: Catalog, write) -> None:
    load_recipe(None, list(table(text).items()), components=catalog)
    validator.validate(table(text))


@pytest.mark.parametrize(
    "text",
    [
        'train.stepz = 1',
        'train.steps = "ten"',
        'train.learning_rate = 0',
        'train.schedule = "sine"',
        'loss.name = "no-such-loss"',
        'loss = {name = "famo", no_such_option = 1}',
        'loss = {name = "famo", every = 0}',
        'loss = {gamma = 2.0, no_such_option = 1}',
        'data.packer = "no-such-packer"',
        'data.tasks = [{train = "a.jsonl"}]',
        'train.optimizer = {name = "adamw", no_such_option = 1}',
        'eval = [{name = "humaneval", every = -1}]',
        'tune.method = "no-such-tuner"',
        'tune.no_such_option = 1',
        'no_such_section = 1',
    ],
)  # fmt: skip
def test_mistakes_are_marked(text: str, validator: Draft202012Validator) -> None:
    assert not validator.is_valid(table(text))


def test_the_command_prints_it_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], schema: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mft("init", "--schema") == 0
    assert json.loads(capsys.readouterr().out) == schema
    assert mft("init", "--schema", "--loss", "famo") == 2
    assert not any(tmp_path.iterdir())
