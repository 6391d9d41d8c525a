"""Flags become recipe keys, or are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_cli.compose import Flags, compose_recipe
from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.naming import EXPLICIT_TASKS, FOLDER, source_choice
from mft_core.recipe.schema import Recipe
from mft_core.registry.workspace import Workspace
from mft_core.run.displaced_data import displaced_warnings


def test_flags_win_over_the_file_and_the_file_over_defaults(write) -> None:
    path = write("[train]\nsteps = 7\nseed = 7\n")
    defaults = {"train": {"steps": 1, "seed": 1, "clip": 0.5}}
    recipe = load_recipe(path, [("train.steps", 9)], defaults)
    assert (recipe.train.steps, recipe.train.seed, recipe.train.clip) == (9, 7, 0.5)
    assert recipe.train.epochs == Recipe().train.epochs


def test_flags_become_recipe_keys(tmp_path: Path) -> None:
    flags = Flags(model="qwen", loss="famo", tasks=["a=x.jsonl"], steps=3, settings=["train.seed=5"])
    recipe = compose_recipe(flags, Workspace.find(tmp_path))
    assert (recipe.model.adapter, recipe.loss.name, recipe.train.steps, recipe.train.seed) == ("qwen", "famo", 3, 5)
    assert recipe.data.tasks[0].name == "a"
    assert Path(recipe.data.tasks[0].train).is_absolute()


def test_contradicting_flags_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--steps and --epochs"):
        compose_recipe(Flags(steps=3, epochs=1.0), Workspace.find(tmp_path))


@pytest.mark.parametrize("data", ['source = "stdlib"', 'path = "old"', 'prepared = "old"', ""])
def test_data_flags_stand_in_place_of_the_recipes_data(write, tmp_path, data) -> None:
    path = write(f'[data]\n{data}\n[[data.tasks]]\nname = "a"\ntrain = "a.jsonl"\n')
    folder = compose_recipe(Flags(path, data=str(tmp_path / "new")), Workspace.find(tmp_path))
    assert (source_choice(folder).name, folder.data.path) == (FOLDER, str(tmp_path / "new"))
    named = compose_recipe(Flags(path, tasks=["b=b.jsonl"]), Workspace.find(tmp_path))
    assert (source_choice(named).name, [task.name for task in named.data.tasks]) == (EXPLICIT_TASKS, ["b"])
    assert displaced_warnings(named) == []


def test_a_source_that_reads_folders_keeps_its_options_and_reads_the_one_of_the_flag(write, tmp_path) -> None:
    path = write('[data]\nsource = {name = "acme", kind = "x"}\npath = "old"\n')
    recipe = compose_recipe(Flags(path, data=str(tmp_path / "new")), Workspace.find(tmp_path))
    assert (source_choice(recipe).name, source_choice(recipe).options) == ("acme", {"kind": "x"})
    assert recipe.data.path == str(tmp_path / "new")


def test_flags_change_a_runs_own_recipe_which_plugins_toml_does_not_reach_again(tmp_path) -> None:
    own = tmp_path / "recipe.toml"
    own.write_text(Recipe().having("train", seed=7, steps=40).as_toml())
    (tmp_path / "plugins.toml").write_text("[defaults.train]\nseed = 1\nclip = 9.0\n[defaults.loss]\ngamma = 1.0\n")
    workspace = Workspace.find(tmp_path)
    recipe = compose_recipe(Flags(steps=60, settings=["train.clip=0.5"]), workspace, resolved=own)
    expected = Recipe().having("train", seed=7, steps=60, clip=0.5)
    assert recipe.model_dump() == expected.model_dump()


@pytest.mark.parametrize("flags", [{"data": "folder", "tasks": ["a=b.jsonl"]}, {"steps": 3, "epochs": 1.0}])
def test_flags_that_contradict_each_other_are_wrong_use(flags, tmp_path) -> None:
    with pytest.raises(UsageError, match="contradict"):
        compose_recipe(Flags(**flags), Workspace.find(tmp_path))


def test_a_wrong_value_of_a_flag_is_not_laid_on_set(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"^the command line: train.steps: .* got -1"):
        compose_recipe(Flags(steps=-1), Workspace.find(tmp_path))
