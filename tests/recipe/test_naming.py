"""Where the data come from."""

from __future__ import annotations

from mft_core.recipe.loading import load_recipe
from mft_core.recipe.naming import EXPLICIT_TASKS, source_choice


def test_tasks_of_a_recipe_come_before_its_source(write) -> None:
    recipe = load_recipe(write('[data]\nsource = "stdlib"\n[[data.tasks]]\nname = "a"\ntrain = "a.jsonl"\n'))
    assert source_choice(recipe).name == EXPLICIT_TASKS
