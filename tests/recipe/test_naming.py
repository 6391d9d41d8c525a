"""Where the data come from."""

from __future__ import annotations

import pytest

from mft_core.recipe.loading import load_recipe
from mft_core.recipe.naming import EXPLICIT_TASKS, FOLDER, PREPARED, source_choice


def test_tasks_of_a_recipe_come_before_its_source(write) -> None:
    recipe = load_recipe(write('[data]\nsource = "stdlib"\n[[data.tasks]]\nname = "a"\ntrain = "a.jsonl"\n'))
    assert source_choice(recipe).name == EXPLICIT_TASKS


TRAINED = '[[data.tasks]]\nname = "a"\ntrain = "a.jsonl"\n'
WATCHED = '[[data.tasks]]\nname = "w"\ntrain = "w.jsonl"\nrole = "watch"\n'


@pytest.mark.parametrize(
    ("data", "tasks", "source"),
    [
        ('path = "data"', WATCHED, FOLDER),
        ('source = "stdlib"', WATCHED, "stdlib"),
        ('prepared = "x"', WATCHED, PREPARED),
        ("", WATCHED, EXPLICIT_TASKS),
        ('path = "data"', TRAINED + WATCHED, EXPLICIT_TASKS),
    ],
)
def test_tasks_that_are_only_watched_stand_in_place_of_no_source(write, data: str, tasks: str, source: str) -> None:
    assert source_choice(load_recipe(write(f"[data]\n{data}\n{tasks}"))).name == source
