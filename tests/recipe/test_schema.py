"""Recipes as values."""

from __future__ import annotations

import pytest

from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.support.toml_files import read_toml


def test_the_resolved_recipe_reads_back_as_itself(write) -> None:
    recipe = load_recipe(None, [("loss", "famo"), ("loss.every", 3), ("tune.targets", ["q_proj"]), ("data.path", "/x")])
    assert load_recipe(write(recipe.as_toml())) == recipe


def test_the_resolved_recipe_gives_loss_and_evaluators_as_tables(write) -> None:
    written = read_toml(write(load_recipe(None, [("loss", "famo"), ("eval", ["loss"])]).as_toml()))
    assert (written["loss"], written["eval"]) == ({"name": "famo"}, [{"name": "loss"}])


def test_options_stay_when_the_name_is_repeated_and_go_when_it_changes(write) -> None:
    path = write('[loss]\nname = "famo"\nevery = 4\n')
    assert load_recipe(path, [("loss", "famo")]).loss.options == {"every": 4}
    assert load_recipe(path, [("loss", "mixed")]).loss.options == {}
    assert load_recipe(path, [("loss.by", "samples")]).loss.options == {"every": 4, "by": "samples"}


def test_names_of_tasks_are_composed() -> None:
    data = Recipe.model_validate(
        {"data": {"include": ["cafe\u0301"], "tasks": [{"name": "cafe\u0301", "train": "cafe\u0301/x.jsonl"}]}}
    ).data
    assert data.include == [data.tasks[0].name] == ["caf\u00e9"]
    assert data.tasks[0].train == "cafe\u0301/x.jsonl"


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -1.0])
def test_steps_done_again_have_a_bound(value: float) -> None:
    with pytest.raises(UsageError, match=r"train\.max_extra_steps"):
        load_recipe(None, [("train.max_extra_steps", value)])
