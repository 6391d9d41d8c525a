"""Which components a recipe names. Nothing is imported or built to know."""

from __future__ import annotations

from collections.abc import Iterator

from mft_core.recipe.schema import AUTO, REPORT, Choice, Recipe

EXPLICIT_TASKS, PREPARED, FOLDER, STANDARD_LIBRARY = "tasks", "prepared", "folder", "stdlib"

TINY = "tiny"


def named_components(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """(kind, name) of every component the recipe names, but for its base: that is a reference, which may be a path."""
    yield "loss", recipe.loss.name
    yield "packer", recipe.data.packer.name
    yield "tokenization", recipe.data.tokenization.name
    source = source_choice(recipe).name
    if source not in (EXPLICIT_TASKS, PREPARED):
        yield "source", source
    if recipe.model.adapter:
        yield "model", recipe.model.adapter
    # Who turns the plugin of the report off wants no pictures: a run goes without.
    yield from (("callback", choice.name) for choice in recipe.train.callbacks if choice.name != REPORT)
    yield from (("evaluator", choice.name) for choice in recipe.eval)


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
