"""Which components a recipe names. Nothing is imported or built to know."""

from __future__ import annotations

from mft_core.recipe.schema import AUTO, Choice, Recipe

EXPLICIT_TASKS, PREPARED, FOLDER, STANDARD_LIBRARY = "tasks", "prepared", "folder", "stdlib"

TINY = "tiny"


def source_choice(recipe: Recipe) -> Choice:
    """The data source meant: `data.prepared` if given, else [[data.tasks]], else `data.source`, else `data.path` as a
    folder, else the standard library."""
    if recipe.data.prepared:
        return Choice(name=PREPARED)
    if recipe.data.tasks:
        return Choice(name=EXPLICIT_TASKS)
    if recipe.data.source.name != AUTO:
        return recipe.data.source
    return Choice(name=FOLDER if recipe.data.path else STANDARD_LIBRARY)
