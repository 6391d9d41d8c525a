"""Recipes: precedence, errors that name the file, the key and the nearest right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_cli.compose import Flags, compose_recipe
from mft_cli.init import commented_recipe
from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe, parse_setting, recipe_keys
from mft_core.recipe.naming import EXPLICIT_TASKS, FOLDER, source_choice
from mft_core.recipe.schema import Recipe
from mft_core.registry.workspace import Workspace
from mft_core.run.folder import recipe_differences
from mft_core.support.toml_files import read_toml


@pytest.fixture
def write(tmp_path: Path):
    def write_recipe(text: str) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_recipe


def test_flags_win_over_the_file_and_the_file_over_defaults(write) -> None:
    path = write("[train]\nsteps = 7\nseed = 7\n")
    defaults = {"train": {"steps": 1, "seed": 1, "clip": 0.5}}
    recipe = load_recipe(path, [("train.steps", 9)], defaults)
    assert (recipe.train.steps, recipe.train.seed, recipe.train.clip) == (9, 7, 0.5)
    assert recipe.train.epochs == Recipe().train.epochs


@pytest.mark.parametrize(
    ("text", "key", "suggestion"),
    [
        ("[train]\nlerning_rate = 1\n", "train.lerning_rate", "train.learning_rate"),
        ("[modell]\nbase = 'tiny'\n", "modell", "model"),
        ("[[data.tasks]]\nname='a'\ntrian='x'\n", "data.tasks.0.trian", "data.tasks.train"),
    ],
)
def test_an_unknown_key_is_named_with_its_file_and_the_nearest_right_one(write, text, key, suggestion) -> None:
    path = write(text)
    with pytest.raises(UsageError) as error:
        load_recipe(path)
    assert str(path) in error.value.message
    assert repr(key) in error.value.message
    assert suggestion in error.value.hint
    assert error.value.exit_code == 2


def test_a_value_of_the_wrong_type_is_named(write) -> None:
    with pytest.raises(UsageError, match=r"train\.steps"):
        load_recipe(write("[train]\nsteps = 'many'\n"))


def test_broken_toml_says_where(write) -> None:
    with pytest.raises(UsageError, match="line 2"):
        load_recipe(write("[train]\nsteps = = 3\n"))


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        load_recipe(tmp_path / "nowhere.toml")


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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=1e-4", 1e-4),
        ("a.b=true", True),
        ("a.b=famo", "famo"),
        ('a.b="3"', "3"),
        ("a.b=[1, 2]", [1, 2]),
        ("a.b=", ""),
    ],
)
def test_set_takes_toml_values_and_plain_words(text, value) -> None:
    assert parse_setting(text) == ("a.b", value)


def test_set_without_a_value_is_an_error() -> None:
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_setting("train.steps")


def test_paths_in_a_recipe_are_relative_to_it(write, tmp_path) -> None:
    recipe = load_recipe(write('[[data.tasks]]\nname = "a"\ntrain = "a/*.jsonl"\n'))
    assert recipe.data.tasks[0].train == str(tmp_path / "a/*.jsonl")
    inside = load_recipe(write('[data]\npath = "tasks"\n[[data.tasks]]\nname = "a"\ntrain = "a.jsonl"\n'))
    assert inside.data.tasks[0].train == str(tmp_path / "tasks" / "a.jsonl")
    sets = load_recipe(write('eval = ["loss", {name = "text2sql", data = "a.jsonl", databases = "/b", limit = 2}]'))
    assert sets.eval[1].options == {"data": str(tmp_path / "a.jsonl"), "databases": "/b", "limit": 2}


def test_init_writes_every_key_with_its_default(write) -> None:
    text = commented_recipe("recipe.toml")
    path = write(text)
    assert load_recipe(path) == Recipe()
    for key in recipe_keys():
        assert key.split(".")[-1] in text
    assert read_toml(path)["train"].keys() == Recipe().train.model_dump().keys()


def test_flags_become_recipe_keys(tmp_path: Path) -> None:
    flags = Flags(model="qwen", loss="famo", tasks=["a=x.jsonl"], steps=3, settings=["train.seed=5"])
    recipe = compose_recipe(flags, Workspace.find(tmp_path))
    assert (recipe.model.adapter, recipe.loss.name, recipe.train.steps, recipe.train.seed) == ("qwen", "famo", 3, 5)
    assert recipe.data.tasks[0].name == "a"
    assert Path(recipe.data.tasks[0].train).is_absolute()


def test_contradicting_flags_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--steps and --epochs"):
        compose_recipe(Flags(steps=3, epochs=1.0), Workspace.find(tmp_path))


def test_only_keys_that_change_the_weights_count_as_differences() -> None:
    old = Recipe()
    assert recipe_differences(old, load_recipe(None, [("train.log_every", 1), ("output.keep", 9)])) == []
    assert recipe_differences(old, load_recipe(None, [("train.seed", 1)])) == ["train.seed: 0 -> 1"]


@pytest.mark.parametrize("rule", ["paper", "patience"])
def test_how_often_is_evaluated_counts_as_a_difference_where_the_evaluations_choose_the_weights(rule: str) -> None:
    stopping = ("train.stop", rule)
    old = load_recipe(None, [stopping])
    rarely = load_recipe(None, [stopping, ("train.eval_every", 5), ("train.save_every", 5), ("train.log_every", 5)])
    assert recipe_differences(old, rarely) == ["train.eval_every: 50 -> 5"]
    assert recipe_differences(Recipe(), load_recipe(None, [("train.eval_every", 5)])) == []


@pytest.mark.parametrize("data", ['source = "stdlib"', 'path = "old"', 'prepared = "old"', ""])
def test_data_flags_stand_in_place_of_the_recipes_data(write, tmp_path, data) -> None:
    path = write(f'[data]\n{data}\n[[data.tasks]]\nname = "a"\ntrain = "a.jsonl"\n')
    folder = compose_recipe(Flags(path, data=str(tmp_path / "new")), Workspace.find(tmp_path))
    assert (source_choice(folder).name, folder.data.path) == (FOLDER, str(tmp_path / "new"))
    named = compose_recipe(Flags(path, tasks=["b=b.jsonl"]), Workspace.find(tmp_path))
    assert (source_choice(named).name, [task.name for task in named.data.tasks]) == (EXPLICIT_TASKS, ["b"])


def test_tasks_of_a_recipe_come_before_its_source(write) -> None:
    recipe = load_recipe(write('[data]\nsource = "stdlib"\n[[data.tasks]]\nname = "a"\ntrain = "a.jsonl"\n'))
    assert source_choice(recipe).name == EXPLICIT_TASKS


@pytest.mark.parametrize("flags", [{"data": "folder", "tasks": ["a=b.jsonl"]}, {"steps": 3, "epochs": 1.0}])
def test_flags_that_contradict_each_other_are_wrong_use(flags, tmp_path) -> None:
    with pytest.raises(UsageError, match="contradict"):
        compose_recipe(Flags(**flags), Workspace.find(tmp_path))


def test_a_wrong_value_of_a_flag_is_not_laid_on_set(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"^the command line: train.steps: .* got -1"):
        compose_recipe(Flags(steps=-1), Workspace.find(tmp_path))
