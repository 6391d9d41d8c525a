"""Recipes: precedence, errors that name the file, the key and the nearest right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.recipe.loading import as_tables, load_recipe, parse_setting


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


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("trian = 'x'", "unknown key 'data.tasks.0.trian' (task 'sql')"),
        ("repeat = 0", "data.tasks.0.repeat (task 'sql'): Input should be greater than 0, got 0"),
        ("columns = {ask = 'x'}", "data.tasks.0.columns (task 'sql'): unknown key 'ask'; there is 'prompt', "),
    ],
)
def test_a_wrong_key_of_a_task_is_named_with_the_task(write, entry: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        load_recipe(write(f"[[data.tasks]]\nname = 'sql'\n{entry}\n"))
    assert message in error.value.message


def test_a_wrong_key_of_a_task_without_a_name_is_named_with_its_place(write) -> None:
    with pytest.raises(UsageError) as error:
        load_recipe(write("[[data.tasks]]\nname = 'sql'\n[[data.tasks]]\ntrain = 'x'\nrepeats = 2\n"))
    assert "'data.tasks.1.repeats' (entry 2 of [[data.tasks]])" in error.value.message
    assert "data.tasks.1.name (entry 2 of [[data.tasks]]): Field required" in error.value.message
    assert "did you mean 'data.tasks.repeat'?" in error.value.hint


def test_every_hint_is_tied_to_its_key(write) -> None:
    path = write('[model]\nname = "qwen"\n[trian]\nsteps = 1\n')
    with pytest.raises(UsageError) as error:
        load_recipe(path)
    assert error.value.message == f"{path}: unknown key 'model.name'\n{path}: unknown key 'trian'"
    assert error.value.hint == "model.name: did you mean 'model.adapter'?\ntrian: did you mean 'train'?"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('[data]\ninclude = "a"\n', """data.include = ["a"], or --set 'data.include=["a"]'"""),
        ("[data.tasks.sql]\nrepeat = 3\n", """--set 'data.tasks=[{name = "sql", weight = 2.0}]'"""),
        ('data = "tasks"\n', "[data] is a table; did you mean 'data.path'?"),
        ("train = 3\n", "[train] is a table"),
        ("[train]\nsteps = -1\n", ""),
    ],
)
def test_how_a_list_and_a_table_are_written(write, text: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        load_recipe(write(text))
    assert error.value.hint.endswith(hint)
    assert bool(error.value.hint) == bool(hint)


def test_a_value_of_the_wrong_type_is_named(write) -> None:
    with pytest.raises(UsageError, match=r"train\.steps"):
        load_recipe(write("[train]\nsteps = 'many'\n"))


def test_broken_toml_says_where(write) -> None:
    with pytest.raises(UsageError, match="line 2"):
        load_recipe(write("[train]\nsteps = = 3\n"))


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        load_recipe(tmp_path / "nowhere.toml")


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


def test_values_by_dotted_keys_become_tables_a_later_one_over_an_earlier() -> None:
    given = {"alpha.a": 3, "by": "samples", "alpha.b.c": 2}
    assert as_tables(given) == {"alpha": {"a": 3, "b": {"c": 2}}, "by": "samples"}
    assert as_tables({"alpha": {"a": 1}, "alpha.b": 2}) == {"alpha": {"a": 1, "b": 2}}
    assert as_tables({"alpha.a": 1, "alpha": 2.5}) == {"alpha": 2.5}


def test_set_without_a_value_is_an_error() -> None:
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_setting("train.steps")


def test_paths_in_a_recipe_are_relative_to_it(write, tmp_path, catalog) -> None:
    recipe = load_recipe(write('[[data.tasks]]\nname = "a"\ntrain = "a/*.jsonl"\n'))
    assert recipe.data.tasks[0].train == str(tmp_path / "a/*.jsonl")
    inside = load_recipe(write('[data]\npath = "tasks"\n[[data.tasks]]\nname = "a"\ntrain = "a.jsonl"\n'))
    assert inside.data.tasks[0].train == str(tmp_path / "tasks" / "a.jsonl")
    given = write('eval = ["loss", {name = "text2sql", data = "a.jsonl", databases = "/b", limit = 2}]')
    sets = load_recipe(given, components=catalog)
    assert sets.eval[1].options == {"data": str(tmp_path / "a.jsonl"), "databases": "/b", "limit": 2}
